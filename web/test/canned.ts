// A small system with a fault or two, in the shapes of the REST contract.
import type {
  Alert, AlertRule, BackendServer, BalancerStats, CacheStats, CurrentPoint, DatabaseStats, Frame, FunctionStats, Identity, Point,
  ProfilerSummary, Recommendations, SlowQuery, SystemStatus, Verdict,
} from '../src/api/types.ts';

const started = Date.now() - 3_720_000;
const iso = (at: number) => new Date(at).toISOString();

export const identity: Identity = { token_id: 't1', name: 'first start', role: 'admin', via: 'session' };

/** pointAt is the system at a time: a slow wave, a fast one, and a burst of errors every quarter of an hour. */
export function pointAt(at: number): Point {
  const minutes = at / 60_000;
  const wave = Math.sin(minutes / 2.3) + 0.35 * Math.sin(7.1 * minutes);
  const burst = minutes % 15 < 1.2 ? 1 : 0;
  return {
    timestamp: iso(at),
    cpu_usage: 38 + 14 * wave + 12 * burst,
    memory_usage: 61.4 + 1.5 * Math.sin(minutes / 9),
    response_time: 210 + 60 * wave + 420 * burst,
    requests_per_second: 148 + 42 * wave,
    error_rate: 0.3 + 0.1 * wave + 6.2 * burst,
  };
}

export function points(hours: number, step: number): Point[] {
  const end = Math.floor(Date.now() / 1000 / step) * step * 1000;
  const n = Math.floor((3600 * hours) / step);
  return Array.from({ length: n + 1 }, (_, i) => pointAt(end - (n - i) * step * 1000));
}

export function current(): CurrentPoint {
  return {
    enabled: true, ...pointAt(Date.now()), disk_usage: 41, disk_read: 12e3, disk_write: 480e3, network_receive: 1.2e6,
    network_transmit: 3.4e6, load: 1.42, goroutines: 312, open_files: 96,
  };
}

export const verdict: Verdict = {
  status: 'good',
  health_score: 83,
  causes: [
    {
      component: 'database', lost: 11, reason: '4 statements took longer than 1 s',
      action: 'Look at the slow queries; the worst one scans 120,000 rows.',
    },
    { component: 'load_balancer', lost: 6, reason: '1 of 3 servers is unhealthy', action: 'Check llm-b: connection refused.' },
  ],
};

export const status: SystemStatus = {
  ...verdict,
  confidence: 1,
  components: {
    cache: { status: 'healthy', hit_rate: 0.713 },
    memory: { status: 'healthy', usage_percent: 61.4 },
    load_balancer: { status: 'degraded', success_rate: 98.2, healthy_servers: 2, total_servers: 3 },
    database: { status: 'degraded', connected: true, slow_queries: 4, last_error: '' },
  },
  monitoring_active: true,
  parts: [
    { name: 'state', state: 'running', since: iso(started), restarts: 0 },
    { name: 'metrics', state: 'running', since: iso(started), restarts: 0 },
    { name: 'cache', state: 'running', since: iso(started), restarts: 0 },
    { name: 'load_balancer', state: 'running', since: iso(started), restarts: 0 },
    { name: 'database', state: 'degraded', since: iso(started), restarts: 2, last_error: 'connection reset by peer' },
    { name: 'alerts', state: 'running', since: iso(started), restarts: 0 },
    { name: 'gateway', state: 'running', since: iso(started), restarts: 0 },
  ],
  loops: [
    loop('memory_loop', 300, 'heap 38 MiB of 512 MiB, no collection needed'),
    loop('cache_loop', 600, '214 expired entries removed, 4 caches looked at'),
    { ...loop('database_loop', 1800, ''), failures: 1, last_error: 'not connected: connection reset by peer' },
  ],
  alerts: 2,
  version: 'v0.1.0',
  warnings: [],
};

function loop(name: string, every: number, result: string) {
  return {
    name, every_seconds: every, runs: 12, failures: 0, last_run: iso(Date.now() - 120_000), took_seconds: 0.0123,
    last_result: result, next_run: iso(Date.now() + 1000 * every - 120_000),
  };
}

const figures = {
  hit_rate: 0.713, miss_rate: 0.287, total_requests: 48_213, cache_size: 18.4 * 2 ** 20, max_size: 64 * 2 ** 20,
  memory_usage_percent: 28.75, total_entries: 812, evictions: 96, hit_count: 34_376, miss_count: 13_837, average_access_time: 0.0000021,
};

export const cache: CacheStats = { enabled: true, ...figures };

const servers = {
  'llm-a': server('healthy', 0.42, 182, 640, 0.2, 71.4),
  'llm-b': server('unhealthy', 0.97, 910, 3_240, 14.8, 9.1),
  retriever: server('healthy', 0.18, 24, 96, 0, 67.9),
};

function server(state: string, load: number, p50: number, p99: number, errors: number, rps: number) {
  return {
    status: state, current_connections: Math.round(20 * load), load_score: load, avg_response_time: 1.2 * p50, p50_ms: p50,
    p99_ms: p99, error_rate: errors, requests_per_second: rps,
  };
}

export const balancer: BalancerStats = {
  enabled: true, strategy: 'adaptive', total_servers: 3, healthy_servers: 2,
  stats: {
    total_requests: 61_402, successful_requests: 60_297, failed_requests: 1_105, retries: 412, success_rate: 98.2,
    avg_response_time: 214, requests_per_second: 148.4, active_connections: 31,
  },
  server_distribution: { 'llm-a': 29_881, 'llm-b': 4_120, retriever: 27_401 },
  servers,
};

export const backends: BackendServer[] = Object.entries(servers).map(([id, s], i) => ({
  id, url: `http://127.0.0.1:910${i}`, weight: 1, max_connections: 64, requests: balancer.server_distribution[id] ?? 0,
  failed: i === 1 ? 1_105 : 0, since: iso(started), ...s,
  ...(i === 1 ? { last_check_error: 'GET /health: connection refused' } : {}),
}));

export const profiler: ProfilerSummary = {
  enabled: true, threshold_seconds: 0.1, functions: 9, calls: 122_804, errors: 1_105,
  slowest: [
    fn('POST /v1/chat/completions', 29_881, 412, 0.41, 0.96, 2.9),
    fn('planner.plan', 30_102, 0, 0.22, 0.4, 0.61),
    fn('retriever.search', 27_401, 31, 0.082, 0.19, 0.44),
    fn('reranker.rerank', 27_370, 0, 0.031, 0.06, 0.12),
    fn('GET /documents/{id}', 8_050, 2, 0.0042, 0.011, 0.03),
  ],
};

function fn(name: string, calls: number, errors: number, mean: number, p95: number, p99: number): FunctionStats {
  return {
    name, calls, errors, mean_seconds: mean, p50_seconds: 0.9 * mean, p95_seconds: p95, p99_seconds: p99,
    max_seconds: 1.6 * p99, total_seconds: calls * mean,
  };
}

export const database: DatabaseStats = { enabled: true, connected: true, last_error: '' };

export const queries: SlowQuery[] = [
  query('SELECT c.id, c.body, d.title FROM chunks c JOIN documents d ON d.id = c.document_id WHERE c.document_id = $1 AND c.lang = $2 ORDER BY c.position LIMIT $3', 3.41, 812, 0.64),
  query('SELECT count(*) FROM feedback WHERE created_at > $1', 1.92, 96, 1.21),
  query('UPDATE sessions SET seen_at = now() WHERE id = $1', 1.08, 14_020, 0.004),
];

function query(text: string, max: number, calls: number, mean: number): SlowQuery {
  return {
    query_text: text, execution_time: max, rows_affected: 10, table_scans: 1, timestamp: iso(Date.now() - 4_000),
    fingerprint: `f${text.length}`, calls, mean_time: mean, total_time: calls * mean,
  };
}

export const recommendations: Recommendations = {
  recommendations: [
    {
      id: 'lb-unhealthy-llm-b', type: 'load_balancer', priority: 'high', title: 'One of three servers gets no requests',
      description: 'llm-b has failed its health check for 4 minutes, so the other two carry its share.',
      action: 'Bring llm-b back, or remove it.', evidence: ['health check: connection refused', 'error rate 14.8 %'],
      expected_gain: 'a third more capacity', risk: 'none', state: 'open',
    },
    {
      id: 'db-slow-chunks', type: 'database', priority: 'medium', title: 'A statement scans the whole table chunks',
      description: 'It was called 812 times and took 520 s in all.',
      action: 'Look for an index on chunks (document_id, lang).', evidence: ['mean 0.64 s', 'max 3.41 s', '812 calls'],
      expected_gain: 'up to 500 s of database time an hour', risk: 'low: an index costs writes', state: 'open',
    },
  ],
  total_count: 2, critical_count: 0, high_count: 1, medium_count: 1,
};

export const alerts: Alert[] = [
  {
    id: 'a1', rule: 'response_time', status: 'firing', value: 1.21, peak: 1.4, threshold: 1, unit: 's',
    since: iso(Date.now() - 260_000), no_data: false, recovering: true,
    summary: 'Mean response time is 1.21 s, above 1 s.', action: 'Look at the slowest functions and at llm-b.',
    evidence: ['highest 1.4 s', '9,612 requests in 1 min'],
  },
  {
    id: 'a2', rule: 'error_rate', status: 'pending', value: 6.2, peak: 6.2, threshold: 5, unit: '%',
    since: iso(Date.now() - 35_000), no_data: false, recovering: false,
    summary: '6.2 % of the requests were answered with 5xx, above 5 %.', action: 'Look at the servers.', evidence: [],
  },
];

export const rules: AlertRule[] = [
  { name: 'response_time', unit: 's', threshold: 0.5 },
  { name: 'cpu_usage', unit: '%', threshold: 80 },
  { name: 'memory_usage', unit: '%', threshold: 85 },
  { name: 'error_rate', unit: '%', threshold: 5 },
];

export function frame(): Frame {
  return {
    current: current(), status: verdict, cache, load_balancer: balancer,
    memory: { used_percent: 61.4, rss_mb: 92, heap_live_mb: 31, goroutines: 312 },
    database: { enabled: true, connected: true, slow_queries_count: 4, connection_pool_usage: 35 },
    alerts: 2, recommendations: 2,
  };
}
