// What a chart is drawn from.
import type { Value } from './series.ts';

export interface ChartLine {
  label: string;
  color: string;
  values: Value[];
  /** The value above which an alert begins; it is drawn where the axis reaches it. */
  threshold?: number | undefined;
}

export interface ChartProps {
  title: string;
  times: number[];
  lines: ChartLine[];
  from: number;
  to: number;
  format(value: number): string;
  top: number;
  limit?: number;
  onZoom(from: number, to: number): void;
}
