// The frame around every page, and the live feed that all pages share.
import { useLayoutEffect } from 'preact/hooks';
import type { CurrentPoint, Identity } from '../api/types.ts';
import { openFeed } from '../live/feed.ts';
import { useResource } from '../live/resource.ts';
import { Overview } from '../overview/overview.tsx';
import { overview } from '../pages.ts';
import { Note } from '../ui/panel.tsx';
import { Banner } from './banner.tsx';
import { Header } from './header.tsx';

export function Shell({ identity }: { identity: Identity }) {
  useLayoutEffect(openFeed, []);
  const path = location.pathname;
  const current = useResource<CurrentPoint>('/metrics/current', 30_000);
  const metricsOff = current.answer?.data.enabled === false;
  return (
    <>
      <a href="#main" class="sr-only focus:not-sr-only focus:absolute focus:z-20 focus:bg-panel focus:p-2">
        Skip to content
      </a>
      <Header identity={identity} path={path} metricsOff={metricsOff} />
      <Banner metricsOff={metricsOff} />
      <main id="main" tabIndex={-1} class="mx-auto max-w-[90rem] px-3 py-4 outline-none sm:px-5">
        {path === overview.path ? <Overview current={current} /> : <NotFound />}
      </main>
    </>
  );
}

function NotFound() {
  return (
    <div class="panel">
      <h1 class="sr-only">Not found</h1>
      <Note icon="warning" title="There is no such page">
        <a class="text-accent underline" href="/">
          Go to the overview
        </a>
      </Note>
    </div>
  );
}
