// The slowest functions by mean time, as the profiler sees them.
import { useState } from 'preact/hooks';
import type { FunctionStats, ProfilerSummary } from '../api/types.ts';
import { count, duration, text } from '../format.ts';
import { useResource } from '../live/resource.ts';
import { Answered, More, Note, Panel } from '../ui/panel.tsx';

const ms = (seconds: number) => text(duration(1000 * seconds));

const shownAtFirst = 6;

export function Functions() {
  const summary = useResource<ProfilerSummary>('/profiler/summary', 10_000, 'low');
  const [all, setAll] = useState(false);
  const about = summary.answer?.data;
  const aside = about?.enabled && (
    <>
      {count(about.functions)} functions, {count(about.calls)} calls{' '}
      <More all={all} total={about.slowest.length} atFirst={shownAtFirst} onChange={setAll} />
    </>
  );
  return (
    <Panel title="Slowest functions" aside={aside || undefined}>
      <Answered of={summary} label="functions" rows={5}>
        {(s) => <Body summary={s} shown={all ? s.slowest.length : shownAtFirst} />}
      </Answered>
    </Panel>
  );
}

function Body({ summary: s, shown }: { summary: ProfilerSummary; shown: number }) {
  if (!s.enabled) {
    return (
      <Note icon="off" title="The profiler is switched off">
        <code>profiler.enabled: true</code> or <code>PUT /profiler</code> switches it on.
      </Note>
    );
  }
  if (s.slowest.length === 0) {
    return (
      <Note icon="clock" title="No call yet">
        Requests through the gateway and wrapped functions show up here.
      </Note>
    );
  }
  return (
    <table class="w-full border-collapse">
      <thead>
        <tr>
          <th scope="col" class="cell-head pl-0">Function</th>
          <th scope="col" class="cell-head cell-number hidden sm:table-cell">Calls</th>
          <th scope="col" class="cell-head cell-number hidden sm:table-cell">Errors</th>
          <th scope="col" class="cell-head cell-number">Mean</th>
          <th scope="col" class="cell-head cell-number hidden sm:table-cell">p95</th>
          <th scope="col" class="cell-head cell-number">p99</th>
          <th scope="col" class="cell-head cell-number pr-0">Total</th>
        </tr>
      </thead>
      <tbody>
        {s.slowest.slice(0, shown).map((f) => (
          <Row key={f.name} fn={f} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ fn: f }: { fn: FunctionStats }) {
  return (
    <tr>
      <th scope="row" class="cell pl-0 text-left font-mono text-xs font-normal break-all">
        {f.name}
      </th>
      <td class="cell cell-number hidden sm:table-cell">{count(f.calls)}</td>
      <td class={`cell cell-number hidden sm:table-cell ${f.errors > 0 ? 'text-bad' : ''}`}>{count(f.errors)}</td>
      <td class="cell cell-number font-medium">{ms(f.mean_seconds)}</td>
      <td class="cell cell-number hidden sm:table-cell">{ms(f.p95_seconds)}</td>
      <td class="cell cell-number">{ms(f.p99_seconds)}</td>
      <td class="cell cell-number pr-0">{ms(f.total_seconds)}</td>
    </tr>
  );
}
