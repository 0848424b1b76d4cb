// What is worth changing, most urgent first, with the figures behind it.
import { useState } from 'preact/hooks';
import type { Recommendation, Recommendations } from '../api/types.ts';
import { words } from '../format.ts';
import type { Resource } from '../live/resource.ts';
import { Answered, More, Note, Panel } from '../ui/panel.tsx';
import { Badge } from '../ui/tone.tsx';

const shownAtFirst = 4;

export function RecommendationList(props: { recommendations: Resource<Recommendations>; class?: string }) {
  const [all, setAll] = useState(false);
  const total = props.recommendations.answer?.data.total_count ?? 0;
  const aside = total > shownAtFirst && <More all={all} total={total} atFirst={shownAtFirst} onChange={setAll} />;
  return (
    <Panel title="Recommendations" class={props.class ?? ''} aside={aside || undefined}>
      <Answered of={props.recommendations} label="recommendations">
        {({ recommendations, total_count: open }) => {
          const list = recommendations.slice(0, open); // the dismissed ones come after
          return list.length === 0 ? (
            <Note icon="check" title="Nothing to change">
              No part found anything worth changing.
            </Note>
          ) : (
            <ul class="flex flex-col">
              {(all ? list : list.slice(0, shownAtFirst)).map((r) => (
                <Entry key={r.id} item={r} />
              ))}
            </ul>
          );
        }}
      </Answered>
    </Panel>
  );
}

function Entry({ item: r }: { item: Recommendation }) {
  return (
    <li class="border-t border-line py-2 first:border-t-0 first:pt-0.5 last:pb-0">
      <p class="flex items-baseline gap-2">
        <Badge state={r.priority} />
        <span class="font-medium">{r.title}</span>
      </p>
      <p class="mt-0.5">{r.action}</p>
      <details class="mt-0.5 text-xs text-dim">
        <summary class="w-fit cursor-pointer hover:text-ink">
          Why<span class="sr-only">: {r.title}</span>
        </summary>
        <p class="mt-1">{r.description}</p>
        <dl class="mt-1 grid grid-cols-[auto_1fr] gap-x-3 gap-y-0.5">
          <dt>Part</dt>
          <dd>{words(r.type)}</dd>
          <dt>Evidence</dt>
          <dd>
            <ul>
              {r.evidence.map((e) => (
                <li key={e}>{e}</li>
              ))}
            </ul>
          </dd>
          <dt>Gain</dt>
          <dd>{r.expected_gain}</dd>
          <dt>Risk</dt>
          <dd>{r.risk}</dd>
        </dl>
      </details>
    </li>
  );
}
