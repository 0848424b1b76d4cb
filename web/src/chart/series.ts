// Points over time as columns, the stored ones continued by the live ones.
import type { Point } from '../api/types.ts';

export type Metric = 'requests_per_second' | 'response_time' | 'error_rate' | 'cpu_usage' | 'memory_usage';

const metrics: readonly Metric[] = ['requests_per_second', 'response_time', 'error_rate', 'cpu_usage', 'memory_usage'];

export type Value = number | null; // null is a gap

export interface Series {
  /** Seconds since 1970, rising. */
  times: number[];
  values: Record<Metric, Value[]>;
}

export function emptySeries(): Series {
  return {
    times: [],
    values: { requests_per_second: [], response_time: [], error_rate: [], cpu_usage: [], memory_usage: [] },
  };
}

const leastGap = 10; // seconds; a frame or two may be late without a hole in the line

/** Seconds since 1970, both ends included. */
export interface Interval {
  from: number;
  to: number;
}

/**
 * join puts live points after the stored ones, one a step, and leaves out what is not within.
 * A time without points becomes a gap, not a line across it.
 */
export function join(stored: readonly Point[], live: readonly Point[], step: number, within: Interval): Series {
  const series = emptySeries();
  const gap = Math.max(leastGap, 2.5 * step);
  let slot = -1; // of the last live point
  for (const p of stored) append(series, p, within, gap);
  const seam = series.times.at(-1) ?? 0;
  for (const p of live) {
    const at = Date.parse(p.timestamp) / 1000;
    if (at <= seam || at > within.to) continue;
    const mine = Math.floor(at / step);
    if (mine === slot) drop(series); // the newest of a step stands for it
    slot = mine;
    append(series, p, within, gap);
  }
  return series;
}

function append(series: Series, p: Point, within: Interval, gap: number): void {
  const at = Date.parse(p.timestamp) / 1000;
  const last = series.times.at(-1);
  if (at < within.from || at > within.to || (last !== undefined && at <= last)) return;
  if (last !== undefined && at - last > gap) {
    series.times.push((last + at) / 2);
    for (const m of metrics) series.values[m].push(null);
  }
  series.times.push(at);
  for (const m of metrics) series.values[m].push(p[m]);
}

function drop(series: Series): void {
  series.times.pop();
  for (const m of metrics) series.values[m].pop();
}

export interface Extent {
  min: number;
  mean: number;
  max: number;
  last: number;
}

/** extent is null when there is no value at all. */
export function extent(values: readonly Value[]): Extent | null {
  let n = 0;
  let sum = 0;
  const e: Extent = { min: Infinity, mean: 0, max: -Infinity, last: 0 };
  for (const v of values) {
    if (v === null) continue;
    n++;
    sum += v;
    e.min = Math.min(e.min, v);
    e.max = Math.max(e.max, v);
    e.last = v;
  }
  if (n === 0) return null;
  e.mean = sum / n;
  return e;
}

export interface Row {
  /** The row's time span in seconds since 1970. */
  start: number;
  end: number;
  /** One for each column; null where the span has no value. */
  extents: (Extent | null)[];
}

/** tabulate sums columns up in at most rows spans with equally many points, newest first. */
export function tabulate(times: readonly number[], columns: readonly (readonly Value[])[], rows: number): Row[] {
  const size = Math.ceil(times.length / rows);
  const table: Row[] = [];
  for (let end = times.length; end > 0; end -= size) {
    const begin = Math.max(0, end - size);
    const extents = columns.map((c) => extent(c.slice(begin, end)));
    if (extents.every((e) => e === null)) continue;
    table.push({ start: times[begin] ?? 0, end: times[end - 1] ?? 0, extents });
  }
  return table;
}
