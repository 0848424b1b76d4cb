// The six figures that tell most, live.
import type { ComponentChildren } from 'preact';
import type { CacheStats, CurrentPoint } from '../api/types.ts';
import { extent, type Metric } from '../chart/series.ts';
import { bytes, count, duration, type Figure, percent, rate, text } from '../format.ts';
import type { Feed } from '../live/feed.ts';
import type { Resource } from '../live/resource.ts';
import { Bar, Sparkline } from '../ui/spark.tsx';
import type { History } from './history.ts';

interface Props {
  now: Feed;
  current: Resource<CurrentPoint>;
  cache: Resource<CacheStats>;
  history: History;
}

export function Tiles({ now, current, cache, history }: Props) {
  const c = now.frame?.current ?? current.answer?.data ?? null;
  const k = now.frame?.cache ?? cache.answer?.data ?? null;
  const memory = now.frame?.memory;
  const off = c?.enabled === false ? 'metrics.enabled' : '';
  const shared = { stale: now.stale && !now.paused, off };
  const failed = c === null && current.error !== null;
  const figure = (make: (c: CurrentPoint) => Figure) => (c ? make(c) : null);
  const mean = (metric: Metric, show: (v: number) => string) => {
    const e = extent(history.series.values[metric]);
    if (!e) return history.stored.answer ? 'no points yet' : '';
    return `mean ${show(e.mean)}, max ${show(e.max)}`;
  };
  const line = (metric: Metric, ceiling = 0) => <Sparkline values={history.series.values[metric]} ceiling={ceiling} />;
  return (
    <dl class="my-3 grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
      <Tile
        {...shared} failed={failed} name="Requests" below={mean('requests_per_second', rate)}
        figure={figure((v) => ({ value: rate(v.requests_per_second), unit: '/s' }))} drawing={line('requests_per_second')}
      />
      <Tile
        {...shared} failed={failed} name="Response time" below={mean('response_time', (v) => text(duration(v)))}
        figure={figure((v) => duration(v.response_time))} drawing={line('response_time')}
      />
      <Tile
        {...shared} failed={failed} name="Error rate" below={mean('error_rate', (v) => text(percent(v)))}
        figure={figure((v) => percent(v.error_rate))} drawing={line('error_rate', 1)}
      />
      <Tile
        stale={shared.stale} off={k?.enabled === false ? 'cache.enabled' : ''} failed={k === null && cache.error !== null}
        name="Cache hit rate" figure={k ? percent(100 * k.hit_rate) : null} below={k ? cacheWords(k) : ''}
        drawing={<div class="flex h-8 items-center"><Bar share={k?.hit_rate ?? 0} /></div>}
      />
      <Tile
        {...shared} failed={failed} name="CPU" figure={figure((v) => percent(v.cpu_usage))} drawing={line('cpu_usage', 100)}
        below={c ? `load ${rate(c.load)}, ${count(c.goroutines)} goroutines` : ''}
      />
      <Tile
        {...shared} failed={failed} name="Memory" figure={figure((v) => percent(v.memory_usage))} drawing={line('memory_usage', 100)}
        below={memory ? `process ${text(bytes(memory.rss_mb * 2 ** 20))}, heap ${text(bytes(memory.heap_live_mb * 2 ** 20))}` : ''}
      />
    </dl>
  );
}

function cacheWords(k: CacheStats): string {
  if (k.total_requests === 0) return 'no request yet';
  return `${count(k.hit_count)} of ${count(k.total_requests)}, ${text(bytes(k.cache_size))}`;
}

interface TileProps {
  name: string;
  figure: Figure | null;
  below: string;
  drawing: ComponentChildren;
  stale: boolean;
  /** The setting that switches the part off, when it is off. */
  off: string;
  failed: boolean;
}

function Tile({ name, figure, below, drawing, stale, off, failed }: TileProps) {
  return (
    <div class="panel gap-1 px-3 pt-2.5 pb-2">
      <dt class="flex items-baseline justify-between gap-2 text-xs text-dim">
        {name}
        {stale && <span class="text-warn">stale</span>}
      </dt>
      <dd class="flex grow flex-col justify-between gap-1">
        {off !== '' ? (
          <span class="flex h-18 flex-col justify-center">
            <span class="text-base font-medium text-dim">Switched off</span>
            <code class="text-2xs text-dim">{off}</code>
          </span>
        ) : figure ? (
          <>
            <span class={`text-2xl leading-8 font-semibold whitespace-nowrap ${stale ? 'text-dim' : 'text-ink'}`}>
              {figure.value}
              <span class="ml-1 text-sm font-normal text-dim">{figure.unit}</span>
            </span>
            {drawing}
          </>
        ) : failed ? (
          <span class="flex h-18 items-center font-medium text-bad">No answer</span>
        ) : (
          <span class="flex h-18 items-center">
            <span class="skeleton h-7 w-20" role="status" aria-label={`Loading ${name}`} />
          </span>
        )}
        <span class="min-h-4 text-2xs text-dim">{off === '' ? below : ''}</span>
      </dd>
    </div>
  );
}
