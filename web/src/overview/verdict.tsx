// How well it goes: one number, and where each lost point went.
import type { Cause, SystemStatus, Verdict } from '../api/types.ts';
import { percent, score, sentence, text, words } from '../format.ts';
import type { Resource } from '../live/resource.ts';
import { Answered, Panel } from '../ui/panel.tsx';
import { Ring } from '../ui/spark.tsx';
import { inkOf, State, toneOf } from '../ui/tone.tsx';

interface Props {
  status: Resource<SystemStatus>;
  /** The newest frame's verdict, newer than the status. */
  live: Verdict | null;
  class?: string;
}

export function VerdictPanel({ status, live, class: extra = '' }: Props) {
  return (
    <Panel title="Health" class={extra}>
      <Answered of={status} label="health" rows={6}>
        {(answer) => <Judged status={answer} verdict={live ?? answer} />}
      </Answered>
    </Panel>
  );
}

function Judged({ status, verdict }: { status: SystemStatus; verdict: Verdict }) {
  const tone = toneOf(verdict.status);
  return (
    <div class="flex grow flex-col justify-between gap-3">
      <div class="grid grid-cols-[auto_1fr] gap-x-5 gap-y-2">
        <div class="relative size-20 sm:row-span-2">
          <Ring score={verdict.health_score} class={inkOf(tone)} />
          <p class="absolute inset-0 flex flex-col items-center justify-center">
            <span class="text-2xl leading-7 font-semibold">{score(verdict.health_score)}</span>
            <span class="text-2xs text-dim">
              <span class="sr-only">health score </span>of 100
            </span>
          </p>
        </div>
        <p class="self-center text-base font-semibold">
          <span class={inkOf(tone)}>{words(verdict.status)}.</span> {outcome(verdict)}
        </p>
        <div class="col-span-2 sm:col-span-1 sm:col-start-2">
          <Causes causes={verdict.causes} />
          {status.confidence < 1 && (
            <p class="mt-1 text-xs text-dim">
              {text(percent(100 * status.confidence))} of the score rests on enough data.
            </p>
          )}
          {status.warnings.map((w) => (
            <p key={w} class="mt-1 text-xs text-warn">
              {sentence(w)}
            </p>
          ))}
        </div>
      </div>
      <Components status={status} />
    </div>
  );
}

function outcome(v: Verdict): string {
  const first = v.causes[0];
  if (!first) return 'No part has lost a point.';
  const lost = 100 - v.health_score;
  const points = 100 - score(v.health_score);
  const amount = lost < 1 ? 'Less than a point' : `${points} ${points === 1 ? 'point' : 'points'}`;
  return `${amount} lost, most of it to the ${first.component.replaceAll('_', ' ')}.`;
}

function Causes({ causes }: { causes: Cause[] }) {
  return (
    <ul class="flex flex-col gap-1.5">
      {causes.map((c) => (
        <li key={c.component + c.reason} class="grid grid-cols-[2.25rem_1fr] gap-x-1">
          <span class="font-semibold text-bad">−{c.lost < 0.95 ? c.lost.toFixed(1) : Math.round(c.lost)}</span>
          <span>
            <span class="font-medium">{words(c.component)}:</span> {c.reason}
            {c.action !== '' && <span class="block text-xs text-dim">{sentence(c.action)}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Components({ status }: { status: SystemStatus }) {
  const { cache, memory, load_balancer: balancer, database } = status.components;
  const list = [
    { name: 'Cache', state: cache.status, about: `${text(percent(100 * cache.hit_rate))} hits` },
    { name: 'Memory', state: memory.status, about: `${text(percent(memory.usage_percent))} used` },
    {
      name: 'Load balancer',
      state: balancer.status,
      about: `${balancer.healthy_servers} of ${balancer.total_servers} servers healthy`,
    },
    { name: 'Database', state: database.status, about: database.connected ? 'connected' : 'not connected' },
  ];
  return (
    <dl class="grid grid-cols-2 gap-x-4 gap-y-2 border-t border-line pt-2.5 sm:grid-cols-4">
      {list.map((c) => (
        <div key={c.name} class="min-w-0">
          <dt class="text-xs text-dim">{c.name}</dt>
          <dd>
            <State state={c.state} label={c.state === 'disabled' ? 'Switched off' : words(c.state)} />
            <span class="block text-xs text-dim">{c.state === 'disabled' ? 'not counted' : c.about}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}
