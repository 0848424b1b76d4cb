// The first page: verdict, alerts, figures now and over time, then what they are made of.
import { useEffect } from 'preact/hooks';
import type { Alert, BalancerStats, CacheStats, CurrentPoint, Recommendations, SystemStatus } from '../api/types.ts';
import { score } from '../format.ts';
import { feed } from '../live/feed.ts';
import { type Resource, useResource } from '../live/resource.ts';
import { useStore } from '../store.ts';
import { Alerts } from './alerts.tsx';
import { Charts } from './charts.tsx';
import { Functions } from './functions.tsx';
import { useHistory } from './history.ts';
import { Parts } from './parts.tsx';
import { Queries } from './queries.tsx';
import { RecommendationList } from './recommendations.tsx';
import { Servers } from './servers.tsx';
import { Tiles } from './tiles.tsx';
import { VerdictPanel } from './verdict.tsx';

const often = 10_000;
const seldom = 30_000; // for what every frame brings too

export function Overview({ current }: { current: Resource<CurrentPoint> }) {
  const now = useStore(feed);
  const status = useResource<SystemStatus>('/status', often);
  const cache = useResource<CacheStats>('/cache/stats', seldom);
  const balancer = useResource<BalancerStats>('/load-balancer/stats', seldom);
  const alerts = useResource<Alert[]>('/alerts', often);
  const recommendations = useResource<Recommendations>('/recommendations', often, 'low');
  const history = useHistory(now.frame);
  const points = now.frame?.status.health_score ?? status.answer?.data.health_score;
  useTitle(points, alerts.answer?.data ?? []);
  return (
    <>
      <h1 class="sr-only">Overview</h1>
      <div class="grid gap-3 lg:grid-cols-3">
        <VerdictPanel status={status} live={now.frame?.status ?? null} class="lg:col-span-2" />
        <Alerts alerts={alerts} />
      </div>
      <Tiles now={now} current={current} cache={cache} history={history} />
      <Charts history={history} />
      <div class="mt-3 grid gap-3 lg:grid-cols-5">
        <Servers balancer={balancer} live={now.frame?.load_balancer ?? null} class="lg:col-span-3" />
        <RecommendationList recommendations={recommendations} class="lg:col-span-2" />
      </div>
      <div class="mt-3 grid gap-3 lg:grid-cols-2">
        <Functions />
        <Queries />
      </div>
      <Parts status={status} />
    </>
  );
}

/** useTitle makes the tab tell what is wrong while another one is looked at. */
function useTitle(points: number | undefined, alerts: Alert[]): void {
  const firing = alerts.filter((a) => a.status === 'firing').length;
  useEffect(() => {
    const state = firing > 0 ? `(${firing}) ` : '';
    document.title = points === undefined ? 'Upshift' : `${state}${score(points)} · Upshift`;
  }, [points, firing]);
}
