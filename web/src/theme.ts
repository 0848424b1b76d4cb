// Light or dark: the system's choice until a person makes one, which is kept.
import { Store } from './store.ts';

export type Theme = 'system' | 'light' | 'dark';

const key = 'upshift.theme';
const order: Theme[] = ['system', 'light', 'dark'];

function stored(): Theme {
  const chosen = document.documentElement.dataset['theme'];
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system';
}

export const theme = new Store<Theme>(stored());

/** painted changes whenever the colours on the screen do; charts draw again then. */
export const painted = new Store(0);

const repaint = () => painted.set(painted.get() + 1);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);

export function nextTheme(now: Theme): Theme {
  return order[(order.indexOf(now) + 1) % order.length] ?? 'system';
}

export function choose(next: Theme): void {
  const root = document.documentElement;
  if (next === 'system') delete root.dataset['theme'];
  else root.dataset['theme'] = next;
  try {
    if (next === 'system') localStorage.removeItem(key);
    else localStorage.setItem(key, next);
  } catch {
    // Storage is blocked: the choice lasts as long as the page.
  }
  theme.set(next);
  repaint();
}
