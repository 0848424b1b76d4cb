// The bar on top: where one is, whether the figures are live, theme and login.
import { useState } from 'preact/hooks';
import type { Identity } from '../api/types.ts';
import { clock } from '../format.ts';
import { type Feed, feed, pause } from '../live/feed.ts';
import { pages } from '../pages.ts';
import { logOut } from '../session.ts';
import { useStore } from '../store.ts';
import { choose, nextTheme, type Theme, theme } from '../theme.ts';
import { Icon, type IconName, Mark } from '../ui/icon.tsx';

export function Header({ identity, path, metricsOff }: { identity: Identity; path: string; metricsOff: boolean }) {
  return (
    <header class="sticky top-0 z-10 border-b border-line bg-panel">
      <div class="mx-auto flex max-w-[90rem] flex-wrap items-center gap-x-5 gap-y-1 px-3 py-2 sm:px-5">
        <a href="/" class="flex items-center gap-2 text-base font-semibold">
          <Mark />
          Upshift
        </a>
        <nav aria-label="Pages" class="flex items-center gap-1">
          {pages.map((p) => (
            <a
              key={p.path}
              href={p.path}
              aria-current={p.path === path ? 'page' : undefined}
              class="rounded-md px-2.5 py-1 font-medium text-dim hover:text-ink aria-[current=page]:bg-raised aria-[current=page]:text-ink"
            >
              {p.title}
            </a>
          ))}
          <a href="/docs" class="flex items-center gap-1 rounded-md px-2.5 py-1 font-medium text-dim hover:text-ink">
            API
            <Icon name="out" class="size-3" />
          </a>
        </nav>
        <div class="ml-auto flex items-center gap-1.5">
          <Live metricsOff={metricsOff} />
          <ThemeButton />
          <Account identity={identity} />
        </div>
      </div>
    </header>
  );
}

function Live({ metricsOff }: { metricsOff: boolean }) {
  const now = useStore(feed);
  const { label, dot } = liveness(now, metricsOff);
  return (
    <>
      <span role="status" class="inline-flex items-center gap-1.5 text-xs whitespace-nowrap text-dim">
        <svg class={`size-2 ${dot}`} viewBox="0 0 8 8" aria-hidden="true">
          <circle cx="4" cy="4" r="4" fill="currentColor" />
        </svg>
        {label}
      </span>
      <button
        type="button"
        class="button w-8 px-0"
        aria-label={now.paused ? 'Resume live figures' : 'Pause live figures'}
        title={now.paused ? 'Resume' : 'Pause'}
        disabled={now.frame === null}
        onClick={() => pause(!now.paused)}
      >
        <Icon name={now.paused ? 'play' : 'pause'} />
      </button>
    </>
  );
}

function liveness(now: Feed, metricsOff: boolean): { label: string; dot: string } {
  if (metricsOff) return { label: 'Metrics off', dot: 'text-dim' };
  if (now.paused) return { label: `Paused ${clock(now.at)}`, dot: 'text-warn' };
  if (now.stale) return { label: now.at ? `Stale since ${clock(now.at)}` : 'No live figures', dot: 'text-bad' };
  if (!now.frame) return { label: 'Connecting', dot: 'text-dim' };
  return { label: 'Live', dot: 'text-good' };
}

const themeIcons: Record<Theme, IconName> = { system: 'screen', light: 'sun', dark: 'moon' };

function ThemeButton() {
  const now = useStore(theme);
  const next = nextTheme(now);
  return (
    <button
      type="button"
      class="button w-8 px-0"
      aria-label={`Theme: ${now}. Switch to ${next}`}
      title={`Theme: ${now}`}
      onClick={() => choose(next)}
    >
      <Icon name={themeIcons[now]} />
    </button>
  );
}

function Account({ identity }: { identity: Identity }) {
  const [problem, setProblem] = useState('');
  const leave = async () => setProblem((await logOut())?.message ?? '');
  return (
    <>
      <span class="hidden max-w-48 truncate text-xs text-dim md:inline">
        {identity.name} · {identity.role}
      </span>
      <button type="button" class="button w-8 px-0 md:w-auto md:px-2.5" aria-label="Log out" onClick={leave}>
        <Icon name="exit" />
        <span class="hidden md:inline">Log out</span>
      </button>
      {problem !== '' && (
        <span role="alert" class="text-xs text-bad">
          {problem}
        </span>
      )}
    </>
  );
}
