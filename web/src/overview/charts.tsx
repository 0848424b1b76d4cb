// The same figures over time. The charts share their range, their cursor and their zoom.
import { useEffect, useState } from 'preact/hooks';
import { Chart } from '../chart/chart.tsx';
import type { ChartLine } from '../chart/props.ts';
import type { AlertRule } from '../api/types.ts';
import type { Metric } from '../chart/series.ts';
import { dayAndTime, duration, percent, rate, text } from '../format.ts';
import { useResource } from '../live/resource.ts';
import { Failure, Loading, Note } from '../ui/panel.tsx';
import { type History, type Range, ranges } from './history.ts';

interface ChartKind {
  title: string;
  lines: { label: string; metric: Metric; color: string }[];
  /** Points are in milliseconds where rules are in seconds. */
  perUnit?: number;
  format(v: number): string;
  top: number;
  limit?: number;
}

const shares = (v: number) => text(percent(v));

const kinds: ChartKind[] = [
  {
    title: 'Requests per second',
    lines: [{ label: 'Requests per second', metric: 'requests_per_second', color: 'var(--series-1)' }],
    format: (v) => `${rate(v)}/s`,
    top: 1,
  },
  {
    title: 'Response time',
    lines: [{ label: 'Mean response time', metric: 'response_time', color: 'var(--series-2)' }],
    format: (v) => text(duration(v)),
    perUnit: 1000,
    top: 1,
  },
  {
    title: 'Error rate',
    lines: [{ label: 'Error rate', metric: 'error_rate', color: 'var(--series-4)' }],
    format: shares,
    top: 1,
    limit: 100,
  },
  {
    title: 'CPU and memory',
    lines: [
      { label: 'CPU', metric: 'cpu_usage', color: 'var(--series-1)' },
      { label: 'Memory', metric: 'memory_usage', color: 'var(--series-3)' },
    ],
    format: shares,
    top: 100,
    limit: 100,
  },
];

export function Charts({ history }: { history: History }) {
  const [zoom, setZoom] = useState<[number, number] | null>(null);
  const rules = useResource<AlertRule[]>('/alerts/rules', 300_000, 'low');
  const { range, stored } = history;
  useEffect(() => void import('../chart/plot.ts'), []); // it loads while the points are asked for
  const choose = (next: Range) => {
    setZoom(null);
    history.choose(next);
  };
  const young = history.series.times.length > 0 && history.to - history.from < 3600 * range.hours - 5 * range.step;
  const grid: GridProps = { history, zoom, rules: rules.answer?.data ?? [], onZoom: (from, to) => setZoom([from, to]) };
  return (
    <section aria-labelledby="charts">
      <header class="mb-2 flex flex-wrap items-center justify-between gap-2">
        <h2 id="charts" class="panel-title">
          Over the last {range.words}
          {young && <span class="font-normal text-dim">, since the first point at {dayAndTime(1000 * history.from)}</span>}
        </h2>
        <div class="flex items-center gap-2">
          {zoom && (
            <button type="button" class="button h-7" onClick={() => setZoom(null)}>
              Reset zoom
            </button>
          )}
          <RangeChoice now={range} choose={choose} />
        </div>
      </header>
      {stored.error && (
        <div class="mb-2">
          <Failure error={stored.error} retry={stored.reload} />
        </div>
      )}
      {history.enabled ? <Grid {...grid} /> : <Off />}
    </section>
  );
}

function Off() {
  return (
    <div class="panel">
      <Note icon="off" title="Metrics are switched off">
        Charts need <code>metrics.enabled: true</code>
      </Note>
    </div>
  );
}

interface GridProps {
  history: History;
  zoom: [number, number] | null;
  rules: AlertRule[];
  onZoom(from: number, to: number): void;
}

function Grid({ history, zoom, rules, onZoom }: GridProps) {
  if (!history.stored.answer) {
    if (history.stored.error) return null;
    return (
      <div class="grid gap-3 md:grid-cols-2">
        {kinds.map((k) => (
          <div key={k.title} class="panel h-62 p-3">
            <Loading label={k.title} rows={1} />
          </div>
        ))}
      </div>
    );
  }
  const [from, to] = zoom ?? [history.from, history.to];
  return (
    <div class="grid gap-3 md:grid-cols-2">
      {kinds.map((k) => (
        <Chart
          key={k.title}
          {...k}
          lines={k.lines.map((l): ChartLine => {
            const rule = rules.find((r) => r.name === l.metric); // rules are named as the metrics are
            const threshold = rule && rule.threshold * (k.perUnit ?? 1);
            return { ...l, values: history.series.values[l.metric], threshold };
          })}
          times={history.series.times}
          from={from}
          to={to}
          onZoom={onZoom}
        />
      ))}
    </div>
  );
}

function RangeChoice({ now, choose }: { now: Range; choose(range: Range): void }) {
  return (
    <div role="group" aria-label="Range" class="flex rounded-md border border-line bg-panel p-0.5">
      {ranges.map((r) => (
        <button
          key={r.key}
          type="button"
          aria-pressed={r === now}
          class="h-6 rounded px-2 text-xs font-medium text-dim hover:text-ink aria-pressed:bg-accent aria-pressed:text-on-accent"
          onClick={() => choose(r)}
        >
          {r.label}
        </button>
      ))}
    </div>
  );
}
