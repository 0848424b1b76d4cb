// A chart that can be looked at, walked through with the keyboard, heard, and read as a table.
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { clock, dayAndTime } from '../format.ts';
import { useStore } from '../store.ts';
import { painted } from '../theme.ts';
import { Icon } from '../ui/icon.tsx';
import type { Plot } from './plot.ts';
import type { ChartLine, ChartProps } from './props.ts';
import { ChartTable } from './table.tsx';
import { extent } from './series.ts';

export function Chart(props: ChartProps) {
  const [asTable, setAsTable] = useState(false);
  const [index, setIndex] = useState<number | null>(null);
  const id = useId();
  const at = index === null ? undefined : props.times[index];
  return (
    <figure class="panel px-3 pt-2 pb-2" aria-labelledby={id}>
      <div class="flex min-h-8 items-center justify-between gap-2">
        <h3 id={id} class="panel-title">
          {props.title}
        </h3>
        <button type="button" class="button h-6 px-1.5 text-xs" onClick={() => setAsTable(!asTable)}>
          <Icon name={asTable ? 'chart' : 'table'} class="size-3.5" />
          {asTable ? 'Chart' : 'Table'}
          <span class="sr-only"> of {props.title}</span>
        </button>
      </div>
      <Legend lines={props.lines} index={index} format={props.format} at={at} />
      {asTable ? <ChartTable {...props} /> : <Drawing {...props} index={index} onIndex={setIndex} />}
      <figcaption class="sr-only">{summary(props)}</figcaption>
    </figure>
  );
}

function Legend(props: { lines: ChartLine[]; index: number | null; format(v: number): string; at: number | undefined }) {
  return (
    <p class="flex min-h-5 flex-wrap items-center gap-x-3 text-xs text-dim" aria-hidden="true">
      {props.lines.map((l) => {
        const value = props.index === null ? extent(l.values)?.last : l.values[props.index];
        return (
          <span key={l.label}>
            <svg class="mr-1 inline-block h-0.5 w-3 align-middle" viewBox="0 0 12 2">
              <rect width="12" height="2" style={{ fill: l.color }} />
            </svg>
            {props.lines.length > 1 && `${l.label} `}
            <span class="font-medium text-ink">{value == null ? 'no value' : props.format(value)}</span>
            {l.threshold !== undefined && <span>, alert above {props.format(l.threshold)}</span>}
          </span>
        );
      })}
      {props.at !== undefined && <span class="ml-auto">{dayAndTimeWithSeconds(props.at)}</span>}
    </p>
  );
}

function dayAndTimeWithSeconds(at: number): string {
  const old = Date.now() / 1000 - at > 86_400;
  return old ? dayAndTime(1000 * at) : clock(1000 * at);
}

type DrawingProps = ChartProps & { index: number | null; onIndex(index: number | null): void };

function Drawing(props: DrawingProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = usePlot(box, props);
  const last = props.times.length - 1;
  const value = Math.min(props.index ?? last, last);
  const walk = (e: KeyboardEvent) => {
    const page = Math.max(1, Math.round(last / 10));
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageDown: -page, PageUp: page, Home: -last, End: last };
    const by = steps[e.key];
    if (e.key === 'Escape') plot.current?.point(null);
    if (by === undefined || last < 0) return;
    e.preventDefault();
    plot.current?.point(Math.min(last, Math.max(0, value + by)));
  };
  const empty = last < 0;
  return (
    <div class="relative mt-1 h-44">
      <div
        ref={box}
        class="h-44 min-w-0 overflow-hidden rounded-sm"
        role="slider"
        tabIndex={empty ? -1 : 0}
        aria-label={`${props.title}, point in time`}
        aria-disabled={empty}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, last)}
        aria-valuenow={Math.max(0, value)}
        aria-valuetext={empty ? 'no points yet' : spoken(props, value)}
        onKeyDown={walk}
        onBlur={() => plot.current?.point(null)}
      />
      {empty && <p class="absolute inset-0 flex items-center justify-center text-xs text-dim">No points in this range yet</p>}
    </div>
  );
}

/** usePlot makes the plot once its code is there, and again when the colours change. */
function usePlot(box: { current: HTMLDivElement | null }, props: DrawingProps) {
  const plot = useRef<Plot | null>(null);
  const newest = useRef(props);
  newest.current = props;
  const paint = useStore(painted);
  const [made, setMade] = useState(0);
  useEffect(() => {
    let gone = false;
    void import('./plot.ts').then((module) => {
      if (gone || !box.current) return;
      const { lines, format, top, limit } = newest.current;
      plot.current = new module.Plot(box.current, {
        lines,
        format,
        top,
        ...(limit === undefined ? {} : { limit }),
        cursor: (index) => newest.current.onIndex(index),
        zoom: (from, to) => newest.current.onZoom(from, to),
      });
      setMade((n) => n + 1);
    });
    return () => {
      gone = true;
      plot.current?.close();
      plot.current = null;
      newest.current.onIndex(null);
    };
  }, [paint, box]);
  useEffect(() => {
    const thresholds = props.lines.map((l) => l.threshold ?? null);
    plot.current?.draw([props.times, ...props.lines.map((l) => l.values)], props.from, props.to, thresholds);
  }, [made, props.times, props.from, props.to, ...props.lines.map((l) => l.threshold)]);
  return plot;
}

function spoken(props: ChartProps, index: number): string {
  const at = props.times[index] ?? 0;
  const parts = props.lines.map((l) => {
    const v = l.values[index];
    return `${props.lines.length > 1 ? `${l.label} ` : ''}${v == null ? 'no value' : props.format(v)}`;
  });
  return `${dayAndTimeWithSeconds(at)}: ${parts.join(', ')}`;
}

/** summary is the chart in words. */
function summary(props: ChartProps): string {
  const about = props.lines.map((l) => {
    const e = extent(l.values);
    if (!e) return `${l.label}: no points`;
    const f = props.format;
    const alert = l.threshold === undefined ? '' : `, alert above ${f(l.threshold)}`;
    return `${l.label}: now ${f(e.last)}, lowest ${f(e.min)}, mean ${f(e.mean)}, highest ${f(e.max)}${alert}`;
  });
  return `${about.join('. ')}. From ${dayAndTime(1000 * props.from)} to ${dayAndTime(1000 * props.to)}.`;
}
