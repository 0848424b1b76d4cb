// What concerns every page: no figures, switched-off metrics, warnings of the server.
import type { ComponentChildren } from 'preact';
import { clock } from '../format.ts';
import { feed } from '../live/feed.ts';
import { useStore } from '../store.ts';
import { Icon } from '../ui/icon.tsx';

export function Banner({ metricsOff }: { metricsOff: boolean }) {
  const now = useStore(feed);
  if (metricsOff) {
    return (
      <Strip>
        Metrics are switched off, so there are no live figures and no charts. Set <code>metrics.enabled: true</code>
      </Strip>
    );
  }
  if (!now.stale || now.paused) return null;
  const since = now.at ? ` since ${clock(now.at)}` : '';
  return (
    <Strip>
      {now.connected
        ? `The server sends no figures${since}. What is shown may be out of date.`
        : `Not connected${since}. What is shown may be out of date; the connection is tried again by itself.`}
    </Strip>
  );
}

export function Strip({ children }: { children: ComponentChildren }) {
  return (
    <div role="alert" class="border-b border-line bg-warn-soft text-warn">
      <p class="mx-auto flex max-w-[90rem] items-start gap-2 px-3 py-1.5 sm:px-5">
        <Icon name="warning" class="mt-0.5" />
        <span>{children}</span>
      </p>
    </div>
  );
}
