// Good, warn, bad or off: a colour, an icon and a word, never the colour alone.
import { words } from '../format.ts';
import { Icon, type IconName } from './icon.tsx';

export type Tone = 'good' | 'warn' | 'bad' | 'off';

const tones: Record<string, Tone> = {
  healthy: 'good', running: 'good', excellent: 'good', good: 'good', resolved: 'good', low: 'off',
  degraded: 'warn', fair: 'warn', pending: 'warn', maintenance: 'warn', draining: 'warn', stopping: 'warn', medium: 'warn',
  unhealthy: 'bad', poor: 'bad', firing: 'bad', critical: 'bad', high: 'bad', failed: 'bad',
  disabled: 'off', stopped: 'off', unknown: 'off',
};

export function toneOf(state: string): Tone {
  return tones[state] ?? 'off';
}

const icons: Record<Tone, IconName> = { good: 'check', warn: 'warning', bad: 'cross', off: 'off' };
const inks: Record<Tone, string> = { good: 'text-good', warn: 'text-warn', bad: 'text-bad', off: 'text-dim' };
const fills: Record<Tone, string> = {
  good: 'bg-good-soft text-good', warn: 'bg-warn-soft text-warn', bad: 'bg-bad-soft text-bad', off: 'bg-raised text-dim',
};

export function inkOf(tone: Tone): string {
  return inks[tone];
}

/** State is an icon and a word in the state's colour. */
export function State({ state, label }: { state: string; label?: string }) {
  const tone = toneOf(state);
  return (
    <span class={`inline-flex items-center gap-1 font-medium ${inks[tone]}`}>
      <Icon name={icons[tone]} class="size-3.5" />
      {label ?? words(state)}
    </span>
  );
}

/** Badge is a word on the state's soft colour. */
export function Badge({ state, label }: { state: string; label?: string }) {
  return (
    <span class={`inline-block rounded px-1.5 text-2xs font-semibold whitespace-nowrap ${fills[toneOf(state)]}`}>
      {label ?? words(state)}
    </span>
  );
}
