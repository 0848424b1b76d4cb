// The numbers of a chart, summed up in at most 24 rows.
import { clock, dayAndTime } from '../format.ts';
import type { ChartProps } from './props.ts';
import { tabulate } from './series.ts';

const rows = 24;

export function ChartTable({ title, times, lines, from, to, format }: ChartProps) {
  const table = tabulate(times, lines.map((l) => l.values), rows);
  const time = to - from > 86_400 ? dayAndTime : clock;
  if (table.length === 0) return <p class="flex h-45 items-center justify-center text-xs text-dim">No points in this range yet</p>;
  return (
    <div class="mt-1 h-44 overflow-auto" tabIndex={0} role="region" aria-label={`${title}, table`}>
      <table class="w-full border-collapse text-xs">
        <thead class="sticky top-0 bg-panel">
          <tr>
            <th scope="col" class="cell-head">
              From
            </th>
            {lines.flatMap((l) =>
              ['mean', 'max'].map((kind) => (
                <th key={l.label + kind} scope="col" class="cell-head cell-number">
                  {lines.length > 1 ? `${l.label}, ${kind}` : kind}
                </th>
              )),
            )}
          </tr>
        </thead>
        <tbody>
          {table.map((row) => (
            <tr key={row.start}>
              <th scope="row" class="cell text-left font-normal whitespace-nowrap">
                {time(1000 * row.start)}
              </th>
              {row.extents.flatMap((e, i) => [
                <td key={`${i}mean`} class="cell cell-number">
                  {e ? format(e.mean) : '–'}
                </td>,
                <td key={`${i}max`} class="cell cell-number">
                  {e ? format(e.max) : '–'}
                </td>,
              ])}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
