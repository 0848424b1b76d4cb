// What is wrong now, since when, by how much, and what to do about it.
import type { Alert } from '../api/types.ts';
import { clock, sentence, span, words } from '../format.ts';
import type { Resource } from '../live/resource.ts';
import { Answered, Note, Panel } from '../ui/panel.tsx';
import { Badge } from '../ui/tone.tsx';

export function Alerts({ alerts }: { alerts: Resource<Alert[]> }) {
  const list = alerts.answer?.data ?? [];
  const firing = list.filter((a) => a.status === 'firing').length;
  return (
    <Panel title="Alerts" aside={list.length > 0 ? `${firing} firing, ${list.length - firing} pending` : undefined}>
      <Answered of={alerts} label="alerts">
        {(all) =>
          all.length === 0 ? (
            <Note icon="check" title="No alert">
              Nothing is pending or firing.
            </Note>
          ) : (
            <ul class="flex flex-col">
              {all.map((a) => (
                <Entry key={a.id} alert={a} />
              ))}
            </ul>
          )
        }
      </Answered>
    </Panel>
  );
}

function Entry({ alert: a }: { alert: Alert }) {
  const since = Date.parse(a.since);
  return (
    <li class="border-t border-line py-2 first:border-t-0 first:pt-0.5">
      <p class="flex flex-wrap items-center gap-x-2">
        <Badge state={a.status} />
        <span class="font-medium">{words(a.rule)}</span>
        {a.no_data && <Badge state="unknown" label="No data" />}
        {a.recovering && <Badge state="good" label="Recovering" />}
        <span class="ml-auto text-xs whitespace-nowrap text-dim" title={a.since}>
          {span((Date.now() - since) / 1000)}, since {clock(since)}
        </span>
      </p>
      <p class="mt-0.5">{sentence(a.summary)}</p>
      {a.action !== '' && <p class="text-xs text-dim">{a.action}</p>}
      <ul class="mt-0.5 flex flex-wrap gap-x-2 text-xs text-dim">
        {a.evidence.map((e) => (
          <li key={e}>{e}</li>
        ))}
      </ul>
    </li>
  );
}
