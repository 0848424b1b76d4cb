// What runs inside: the parts, those in trouble first, and the background loops.
import type { Loop, Part, SystemStatus } from '../api/types.ts';
import { clock, count, dayAndTime, duration, span, text, words } from '../format.ts';
import type { Resource } from '../live/resource.ts';
import { Answered, Note, Panel } from '../ui/panel.tsx';
import { State } from '../ui/tone.tsx';

export function Parts({ status }: { status: Resource<SystemStatus> }) {
  return (
    <div class="mt-3 grid gap-3 lg:grid-cols-2">
      <Panel title="Parts" aside={status.answer ? `upshift ${status.answer.data.version}` : undefined}>
        <Answered of={status} label="parts">
          {(s) => <PartList parts={s.parts} />}
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

function PartList({ parts }: { parts: Part[] }) {
  if (parts.length === 0) return <Note icon="off" title="Nothing runs" />;
  const odd = parts.filter((p) => p.state !== 'running');
  const running = parts.filter((p) => p.state === 'running');
  return (
    <>
      <ul>
        {odd.map((p) => (
          <li key={p.name} class="border-b border-line py-2 first:pt-0.5">
            <p class="flex flex-wrap items-center gap-x-2">
              <span class="font-medium">{words(p.name)}</span>
              <State state={p.state} />
              <span class="ml-auto text-xs text-dim">{about(p)}</span>
            </p>
            {p.last_error && <p class="text-xs break-words text-bad">{p.last_error}</p>}
          </li>
        ))}
      </ul>
      <ul class="grid grid-cols-2 gap-x-4 gap-y-2 pt-2 sm:grid-cols-3">
        {running.map((p) => (
          <li key={p.name}>
            <State state={p.state} label={words(p.name)} />
            <span class="sr-only"> running</span>
            <span class="block pl-4.5 text-2xs text-dim">{about(p)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function about(p: Part): string {
  const since = p.since ? `since ${dayAndTime(p.since)}` : 'never started';
  if (p.restarts === 0) return since;
  return `${since}, ${count(p.restarts)} ${p.restarts === 1 ? 'restart' : 'restarts'}`;
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
          <th scope="col" class="cell-head cell-number hidden pr-0 sm:table-cell">Next</th>
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
            <td class="cell cell-number hidden pr-0 sm:table-cell">{l.next_run ? clock(l.next_run) : '–'}</td>
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
