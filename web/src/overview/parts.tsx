// What runs inside: the parts and the background loops, worst first.
import type { Loop, Part, SystemStatus } from '../api/types.ts';
import { clock, count, dayAndTime, duration, span, text, words } from '../format.ts';
import type { Resource } from '../live/resource.ts';
import { Answered, Note, Panel } from '../ui/panel.tsx';
import { State, toneOf } from '../ui/tone.tsx';

export function Parts({ status }: { status: Resource<SystemStatus> }) {
  return (
    <div class="mt-3 grid gap-3 lg:grid-cols-2">
      <Panel title="Parts" aside={status.answer ? `upshift ${status.answer.data.version}` : undefined}>
        <Answered of={status} label="parts">
          {(s) => <PartTable parts={s.parts} />}
        </Answered>
      </Panel>
      <Panel title="Background work">
        <Answered of={status} label="background work">
          {(s) => <LoopTable loops={s.loops} />}
        </Answered>
      </Panel>
    </div>
  );
}

const urgency = { bad: 0, warn: 1, off: 2, good: 3 };

function PartTable({ parts }: { parts: Part[] }) {
  if (parts.length === 0) return <Note icon="off" title="Nothing runs" />;
  const sorted = [...parts].sort((a, b) => urgency[toneOf(a.state)] - urgency[toneOf(b.state)]);
  return (
    <table class="w-full border-collapse">
      <thead>
        <tr>
          <th scope="col" class="cell-head pl-0">Part</th>
          <th scope="col" class="cell-head">State</th>
          <th scope="col" class="cell-head cell-number">Since</th>
          <th scope="col" class="cell-head cell-number pr-0">Restarts</th>
        </tr>
      </thead>
      <tbody>
        {sorted.map((p) => (
          <tr key={p.name}>
            <th scope="row" class="cell pl-0 text-left font-medium">
              {words(p.name)}
              {p.last_error && <span class="block text-2xs font-normal break-words text-bad">{p.last_error}</span>}
            </th>
            <td class="cell">
              <State state={p.state} />
            </td>
            <td class="cell cell-number text-dim">{p.since ? dayAndTime(p.since) : '–'}</td>
            <td class="cell cell-number pr-0">{count(p.restarts)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function LoopTable({ loops }: { loops: Loop[] }) {
  if (loops.length === 0) return <Note icon="off" title="No background work" />;
  return (
    <table class="w-full border-collapse">
      <thead>
        <tr>
          <th scope="col" class="cell-head pl-0">Loop</th>
          <th scope="col" class="cell-head cell-number">Every</th>
          <th scope="col" class="cell-head cell-number">Last</th>
          <th scope="col" class="cell-head cell-number hidden sm:table-cell">Took</th>
          <th scope="col" class="cell-head cell-number pr-0">Next</th>
        </tr>
      </thead>
      <tbody>
        {loops.map((l) => (
          <tr key={l.name}>
            <th scope="row" class="cell pl-0 text-left font-medium">
              {words(l.name.replace(/_loop$/, ''))}
              <LoopResult loop={l} />
            </th>
            <td class="cell cell-number">{span(l.every_seconds)}</td>
            <td class="cell cell-number">{l.last_run ? clock(l.last_run) : 'not yet'}</td>
            <td class="cell cell-number hidden sm:table-cell">{l.runs > 0 ? text(duration(1000 * l.took_seconds)) : '–'}</td>
            <td class="cell cell-number pr-0">{l.next_run ? clock(l.next_run) : '–'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function LoopResult({ loop: l }: { loop: Loop }) {
  if (l.last_error) {
    return (
      <span class="block text-2xs font-normal break-words text-bad">
        {l.failures} of {l.runs} rounds failed: {l.last_error}
      </span>
    );
  }
  return l.last_result ? <span class="block text-2xs font-normal break-words text-dim">{l.last_result}</span> : null;
}
