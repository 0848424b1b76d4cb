// One row a server: its state, its share of the traffic, how fast and how often wrong.
import type { BackendServer, BalancerStats, ServerState } from '../api/types.ts';
import { count, duration, percent, rate, text, words } from '../format.ts';
import { type Resource, useResource } from '../live/resource.ts';
import { Answered, Note, Panel } from '../ui/panel.tsx';
import { Bar } from '../ui/spark.tsx';
import { State, toneOf } from '../ui/tone.tsx';

interface Props {
  balancer: Resource<BalancerStats>;
  live: BalancerStats | null;
  class?: string;
}

export function Servers({ balancer, live, class: extra = '' }: Props) {
  const details = useResource<BackendServer[]>('/load-balancer/servers', 10_000, 'low');
  const about = live ?? balancer.answer?.data;
  return (
    <Panel title="Servers" class={extra} aside={about && about.total_servers > 0 ? <Total stats={about} /> : undefined}>
      <Answered of={balancer} label="servers">
        {(answer) => <Table stats={live ?? answer} details={details.answer?.data ?? []} />}
      </Answered>
    </Panel>
  );
}

function Total({ stats }: { stats: BalancerStats }) {
  const { stats: total, strategy, healthy_servers: healthy, total_servers: all } = stats;
  return (
    <>
      {healthy} of {all} healthy · {words(strategy)} · {text(percent(total.success_rate))} success ·{' '}
      {count(total.retries)} retries
    </>
  );
}

function Table({ stats, details }: { stats: BalancerStats; details: BackendServer[] }) {
  if (!stats.enabled) {
    return (
      <Note icon="off" title="The load balancer is switched off">
        <code>load_balancer.enabled: true</code> switches it on.
      </Note>
    );
  }
  const ids = Object.keys(stats.servers).sort();
  if (ids.length === 0) {
    return (
      <Note icon="warning" title="No server">
        Name them in <code>load_balancer.servers</code>, or add one by <code>POST /load-balancer/servers</code>
      </Note>
    );
  }
  const total = Object.values(stats.server_distribution).reduce((sum, n) => sum + n, 0);
  return (
    <table class="w-full border-collapse">
      <thead>
        <tr>
          <th scope="col" class="cell-head pl-0">Server</th>
          <th scope="col" class="cell-head w-1/5">Share</th>
          <th scope="col" class="cell-head cell-number hidden sm:table-cell">Requests/s</th>
          <th scope="col" class="cell-head cell-number hidden sm:table-cell">p50</th>
          <th scope="col" class="cell-head cell-number">p99</th>
          <th scope="col" class="cell-head cell-number">Errors</th>
          <th scope="col" class="cell-head cell-number hidden sm:table-cell">Active</th>
          <th scope="col" class="cell-head cell-number hidden pr-0 sm:table-cell">Load</th>
        </tr>
      </thead>
      <tbody>
        {ids.map((id) => {
          const server = stats.servers[id];
          const detail = details.find((d) => d.id === id);
          const requests = stats.server_distribution[id] ?? 0;
          return server && <Row key={id} id={id} server={server} detail={detail} requests={requests} total={total} />;
        })}
      </tbody>
    </table>
  );
}

interface RowProps {
  id: string;
  server: ServerState;
  detail: BackendServer | undefined;
  requests: number;
  total: number;
}

function Row({ id, server: s, detail, requests, total }: RowProps) {
  const share = total > 0 ? requests / total : 0;
  const fault = toneOf(s.status) === 'good' ? '' : (detail?.last_check_error ?? '');
  return (
    <tr>
      <th scope="row" class="cell pl-0 text-left font-normal">
        <span class="flex flex-wrap items-center gap-x-2">
          <span class="font-medium break-all">{id}</span>
          <State state={s.status} />
        </span>
        {detail && <span class="block text-2xs break-all text-dim">{detail.url}</span>}
        {fault !== '' && <span class="block text-2xs break-words text-bad">{fault}</span>}
      </th>
      <td class="cell">
        <span class="flex items-baseline justify-between gap-2">
          {text(percent(100 * share))}
          <span class="hidden text-2xs text-dim sm:inline">{count(requests)}</span>
        </span>
        <Bar share={share} />
      </td>
      <td class="cell cell-number hidden sm:table-cell">{rate(s.requests_per_second)}</td>
      <td class="cell cell-number hidden sm:table-cell">{text(duration(s.p50_ms))}</td>
      <td class="cell cell-number">{text(duration(s.p99_ms))}</td>
      <td class={`cell cell-number ${s.error_rate >= 5 ? 'font-medium text-bad' : ''}`}>{text(percent(s.error_rate))}</td>
      <td class="cell cell-number hidden sm:table-cell">{count(s.current_connections)}</td>
      <td class="cell cell-number hidden pr-0 sm:table-cell">{s.load_score.toFixed(2)}</td>
    </tr>
  );
}
