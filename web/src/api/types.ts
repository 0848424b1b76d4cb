// The REST contract as far as the dashboard reads it. Names, types and units are those of
// the server; times are RFC 3339 text.

export interface Envelope<T> {
  success: true;
  data: T;
  metadata?: SeriesMetadata;
  message?: string;
  timestamp?: string;
}

export interface SeriesMetadata {
  enabled: boolean;
  start_time: string;
  end_time: string;
  total_points: number;
  step_seconds: number;
}

export interface Identity {
  token_id: string;
  name: string;
  role: 'viewer' | 'operator' | 'admin';
  via: 'token' | 'session' | 'local';
  expires?: string;
}

/** A moment of the system: percentages, milliseconds and requests a second. */
export interface Point {
  timestamp: string;
  cpu_usage: number;
  memory_usage: number;
  response_time: number;
  requests_per_second: number;
  error_rate: number;
}

export interface CurrentPoint extends Point {
  enabled: boolean;
  disk_usage: number;
  disk_read: number;
  disk_write: number;
  network_receive: number;
  network_transmit: number;
  load: number;
  goroutines: number;
  open_files: number;
}

export interface CacheFigures {
  hit_rate: number;
  miss_rate: number;
  total_requests: number;
  cache_size: number;
  max_size: number;
  memory_usage_percent: number;
  total_entries: number;
  evictions: number;
  hit_count: number;
  miss_count: number;
  average_access_time: number;
}

export interface CacheStats extends CacheFigures {
  enabled: boolean;
}

export interface BalancerStats {
  enabled: boolean;
  strategy: string;
  total_servers: number;
  healthy_servers: number;
  stats: BalancerTotal;
  server_distribution: Record<string, number>;
  servers: Record<string, ServerState>;
}

export interface BalancerTotal {
  total_requests: number;
  successful_requests: number;
  failed_requests: number;
  retries: number;
  success_rate: number;
  avg_response_time: number;
  requests_per_second: number;
  active_connections: number;
}

export interface ServerState {
  status: string;
  current_connections: number;
  load_score: number;
  avg_response_time: number;
  p50_ms: number;
  p99_ms: number;
  error_rate: number;
  requests_per_second: number;
}

export interface BackendServer extends ServerState {
  id: string;
  url: string;
  weight: number;
  max_connections: number;
  requests: number;
  failed: number;
  since: string;
  last_check?: string;
  last_check_error?: string;
}

export interface Cause {
  component: string;
  lost: number;
  reason: string;
  action: string;
}

/** The verdict: what the status and every frame have in common. */
export interface Verdict {
  status: string;
  health_score: number;
  causes: Cause[];
}

export interface Part {
  name: string;
  state: string;
  since?: string;
  restarts: number;
  last_error?: string;
}

export interface Loop {
  name: string;
  every_seconds: number;
  runs: number;
  failures: number;
  last_run?: string;
  took_seconds: number;
  last_result?: string;
  last_error?: string;
  next_run?: string;
}

export interface SystemStatus extends Verdict {
  confidence: number;
  components: {
    cache: { status: string; hit_rate: number };
    memory: { status: string; usage_percent: number };
    load_balancer: { status: string; success_rate: number; healthy_servers: number; total_servers: number };
    database: { status: string; connected: boolean; slow_queries: number; last_error: string };
  };
  monitoring_active: boolean;
  parts: Part[];
  loops: Loop[];
  alerts: number;
  version: string;
  warnings: string[];
}

export interface FunctionStats {
  name: string;
  calls: number;
  errors: number;
  mean_seconds: number;
  p50_seconds: number;
  p95_seconds: number;
  p99_seconds: number;
  max_seconds: number;
  total_seconds: number;
}

export interface ProfilerSummary {
  enabled: boolean;
  threshold_seconds: number;
  functions: number;
  calls: number;
  errors: number;
  slowest: FunctionStats[];
}

export interface DatabaseStats {
  enabled: boolean;
  connected: boolean;
  last_error: string;
}

export interface SlowQuery {
  query_text: string;
  execution_time: number;
  rows_affected: number;
  table_scans: number;
  timestamp: string;
  fingerprint: string;
  calls: number;
  mean_time: number;
  total_time: number;
}

export interface Recommendation {
  id: string;
  type: string;
  priority: 'critical' | 'high' | 'medium' | 'low';
  title: string;
  description: string;
  action: string;
  evidence: string[];
  expected_gain: string;
  risk: string;
  state: string;
}

export interface Recommendations {
  recommendations: Recommendation[];
  total_count: number;
  critical_count: number;
  high_count: number;
  medium_count: number;
}

export interface Alert {
  id: string;
  rule: string;
  status: string;
  /** In the alert's unit, as are peak and threshold. */
  value: number;
  peak: number;
  threshold: number;
  unit: string;
  since: string;
  no_data: boolean;
  recovering: boolean;
  summary: string;
  action: string;
  evidence: string[];
}

export interface AlertRule {
  name: string;
  unit: string;
  threshold: number;
}

/** The event "metrics", once a second. */
export interface Frame {
  current: CurrentPoint;
  status: Verdict;
  cache: CacheStats;
  load_balancer: BalancerStats;
  memory: { used_percent: number; rss_mb: number; heap_live_mb: number; goroutines: number };
  database: { enabled: boolean; connected: boolean; slow_queries_count: number; connection_pool_usage: number };
  alerts: number;
  recommendations: number;
}
