// uPlot with our looks. This is the only module that knows it, and it is loaded after the
// page is usable.
import uPlot from 'uplot';
import type { Value } from './series.ts';
import { tick } from './ticks.ts';

export interface PlotOptions {
  lines: { label: string; color: string }[];
  format(value: number): string;
  /** The axis reaches at least up to here. */
  top: number;
  /** The axis never goes beyond, for shares. */
  limit?: number;
  cursor(index: number | null): void;
  zoom(from: number, to: number): void;
}

export type PlotData = [times: number[], ...lines: Value[][]];

const height = 176;
const syncKey = 'overview';

export class Plot {
  readonly #plot: uPlot;
  readonly #sized: ResizeObserver;
  #range: [number, number] = [0, 1];
  #thresholds: (number | null)[] = [];

  constructor(into: HTMLElement, options: PlotOptions) {
    this.#plot = new uPlot(this.#options(into, options), [[], ...options.lines.map(() => [])], into);
    this.#sized = new ResizeObserver(() => this.#plot.setSize({ width: into.clientWidth, height }));
    this.#sized.observe(into);
  }

  #options(into: HTMLElement, o: PlotOptions): uPlot.Options {
    const ink = colorOf(into, 'var(--dim)');
    const line = colorOf(into, 'var(--line)');
    const font = `11px ${getComputedStyle(into).fontFamily}`;
    const axis: uPlot.Axis = { stroke: ink, font, ticks: { show: false }, grid: { stroke: line, width: 1 } };
    return {
      width: into.clientWidth,
      height,
      padding: [8, 18, 0, 0], // room for half of the last label
      legend: { show: false },
      cursor: {
        sync: { key: syncKey },
        drag: { x: true, y: false, setScale: false },
        points: { size: 7, width: 0 },
      },
      scales: {
        x: { range: () => this.#range },
        y: { range: (_u, _min, max) => [0, ceiling(max, o.top, o.limit)] },
      },
      axes: [
        { ...axis, size: 24, gap: 4, space: 64, grid: { show: false }, values: ticks },
        { ...axis, size: 52, gap: 6, space: 32, values: (_u, at) => at.map((v) => o.format(v)) },
      ],
      series: [{}, ...o.lines.map((l, i) => lineOf(into, l.label, l.color, i === 0 && o.lines.length === 1))],
      hooks: {
        setCursor: [(u) => o.cursor(u.cursor.idx ?? null)],
        setSelect: [(u) => this.#select(u, o.zoom)],
        drawAxes: [(u) => this.#drawThresholds(u)],
      },
    };
  }

  #select(u: uPlot, zoom: PlotOptions['zoom']): void {
    const { left, width } = u.select;
    if (width < 4) return; // a click
    zoom(u.posToVal(left, 'x'), u.posToVal(left + width, 'x'));
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  /** thresholds are one for each line, null for none. */
  draw(data: PlotData, from: number, to: number, thresholds: (number | null)[]): void {
    this.#range = [from, to];
    this.#thresholds = thresholds;
    this.#plot.setData(data as uPlot.AlignedData, true);
  }

  #drawThresholds(u: uPlot): void {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.lineWidth = devicePixelRatio;
    this.#thresholds.forEach((at, i) => {
      if (at === null || at > (u.scales['y']?.max ?? 0)) return;
      const y = u.valToPos(at, 'y', true);
      const stroke = u.series[i + 1]?.stroke;
      ctx.strokeStyle = typeof stroke === 'function' ? (stroke(u, i + 1) as string) : '';
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    });
    ctx.restore();
  }

  /** point moves the cursor to a value, or away. */
  point(index: number | null): void {
    const at = index === null ? undefined : this.#plot.data[0][index];
    const left = at === undefined ? -10 : this.#plot.valToPos(at, 'x');
    this.#plot.setCursor({ left, top: left < 0 ? -10 : 10 });
  }

  close(): void {
    this.#sized.disconnect();
    this.#plot.destroy();
  }
}

function lineOf(into: HTMLElement, label: string, color: string, filled: boolean): uPlot.Series {
  const stroke = colorOf(into, color);
  const series: uPlot.Series = { label, stroke, width: 1.5, points: { show: (u) => u.data[0].length <= 2, size: 5 }, spanGaps: false };
  if (filled) series.fill = colorOf(into, `color-mix(in srgb, ${color} 12%, transparent)`);
  return series;
}

const leastLeft = 28; // a label further left would run into the other axis

function ticks(u: uPlot, at: number[], _axis: number, _space: number, step: number): string[] {
  return at.map((t) => (u.valToPos(t, 'x') < leastLeft ? '' : tick(t, step)));
}

function ceiling(max: number | null, top: number, limit: number | undefined): number {
  const wanted = Math.max(top, 1.1 * (max ?? 0));
  return limit === undefined ? wanted : Math.min(limit, wanted);
}

/** colorOf is what a colour of the style sheet comes to in the theme now: a canvas knows no variables. */
function colorOf(near: HTMLElement, color: string): string {
  const probe = document.createElement('span');
  probe.style.color = color;
  near.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
