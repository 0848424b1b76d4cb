// The points of the chosen range, continued live. The range is kept in the address.
import { useCallback, useMemo, useState } from 'preact/hooks';
import type { Frame, Point } from '../api/types.ts';
import { emptySeries, join, type Series } from '../chart/series.ts';
import { recent } from '../live/feed.ts';
import { type Resource, useResource } from '../live/resource.ts';

export interface Range {
  key: string;
  label: string;
  /** In words, as in "over the last …". */
  words: string;
  hours: number;
  /** Seconds between points. */
  step: number;
}

export const ranges: readonly Range[] = [
  { key: '15m', label: '15 min', words: '15 minutes', hours: 0.25, step: 5 },
  { key: '1h', label: '1 h', words: 'hour', hours: 1, step: 15 },
  { key: '24h', label: '24 h', words: '24 hours', hours: 24, step: 120 },
  { key: '7d', label: '7 d', words: '7 days', hours: 168, step: 900 },
];

const leastSpan = 60; // seconds that an axis shows at least

export interface History {
  range: Range;
  choose(range: Range): void;
  stored: Resource<Point[]>;
  series: Series;
  /** The ends of what is shown, in seconds since 1970; from is later than the range's while points are few. */
  from: number;
  to: number;
  enabled: boolean;
}

function chosen(): Range {
  const key = new URLSearchParams(location.search).get('range');
  return ranges.find((r) => r.key === key) ?? (ranges[0] as Range);
}

export function useHistory(frame: Frame | null): History {
  const [range, setRange] = useState(chosen);
  // Live points reach back a quarter of an hour, so asking anew each minute leaves no hole.
  const stored = useResource<Point[]>(`/metrics?hours=${range.hours}&step=${range.step}`, 60_000);
  const choose = useCallback((next: Range) => {
    const query = new URLSearchParams(location.search);
    query.set('range', next.key);
    history.replaceState(null, '', `${location.pathname}?${query}${location.hash}`);
    setRange(next);
  }, []);
  const answer = stored.answer;
  const view = useMemo(() => {
    const end = frame?.current.timestamp ?? answer?.metadata?.end_time;
    const to = end ? Date.parse(end) / 1000 : Date.now() / 1000;
    const begin = to - 3600 * range.hours;
    const series = answer ? join(answer.data, recent, range.step, { from: begin, to }) : emptySeries();
    // A server younger than the range: the line takes the whole width, not its right edge.
    const from = Math.max(begin, Math.min(series.times[0] ?? begin, to - leastSpan));
    return { from, to, series };
  }, [answer, frame, range]);
  return { range, choose, stored, ...view, enabled: answer?.metadata?.enabled !== false };
}
