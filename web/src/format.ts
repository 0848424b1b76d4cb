// Figures for people: few digits, a unit, always the same width of thought.

/** A figure and its unit, apart so that the unit can be drawn smaller. */
export interface Figure {
  value: string;
  unit: string;
}

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** digits shows about three significant digits without scientific notation. */
function digits(n: number): string {
  const size = Math.abs(n);
  if (size === 0) return '0';
  if (size < 0.01) return '<0.01';
  if (size < 1) return n.toFixed(2);
  if (size < 10) return n.toFixed(1);
  return grouped.format(n);
}

export function count(n: number): string {
  const size = Math.abs(n);
  if (size < 10_000) return grouped.format(n);
  for (const [limit, suffix] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const) {
    if (size >= limit) {
      const scaled = n / limit;
      return `${scaled >= 100 ? grouped.format(scaled) : scaled.toFixed(1)} ${suffix}`;
    }
  }
  return grouped.format(n);
}

/** rate is anything per second. */
export function rate(n: number): string {
  return Math.abs(n) >= 10_000 ? count(n) : digits(n);
}

export function percent(p: number): Figure {
  if (p > 99.9 && p < 100) return { value: '99.9', unit: '%' }; // never a 100 that is none
  const value = p >= 10 && p < 100 && p % 1 !== 0 ? p.toFixed(1) : digits(p);
  return { value, unit: '%' };
}

/** score is a health score without decimals; it is 100 only when no point is lost. */
export function score(points: number): number {
  return points < 100 ? Math.min(99, Math.round(points)) : 100;
}

/** duration takes milliseconds. */
export function duration(ms: number): Figure {
  if (ms < 1_000) return { value: digits(ms), unit: 'ms' };
  if (ms < 60_000) return { value: (ms / 1_000).toFixed(ms < 10_000 ? 2 : 1), unit: 's' };
  if (ms < 3_600_000) return { value: (ms / 60_000).toFixed(1), unit: 'min' };
  return { value: (ms / 3_600_000).toFixed(1), unit: 'h' };
}

export function bytes(n: number): Figure {
  let value = n;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 1024) return { value: unit === 'B' ? grouped.format(value) : digits(value), unit };
    value /= 1024;
  }
  return { value: digits(value), unit: 'TiB' };
}

export function text(f: Figure): string {
  return `${f.value}\u00a0${f.unit}`;
}

/** span is a length of time in words, such as "5 min". */
export function span(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))}\u00a0s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)}\u00a0min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3_600)}\u00a0h`;
  return `${Math.round(seconds / 86_400)}\u00a0d`;
}

const clockFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

/** clock is the local time of day; time is milliseconds or RFC 3339. */
export function clock(time: number | string): string {
  return clockFormat.format(new Date(time));
}

export function dayAndTime(time: number | string): string {
  return dayFormat.format(new Date(time));
}

/** sentence begins a message of the server with a capital, and keeps figures with their units. */
export function sentence(message: string): string {
  return (message.charAt(0).toUpperCase() + message.slice(1)).replaceAll(' %', '\u00a0%');
}

/** words makes a name of the API readable: load_balancer → Load balancer. */
export function words(name: string): string {
  const spaced = name.replaceAll('_', ' ');
  return (spaced.charAt(0).toUpperCase() + spaced.slice(1)).replaceAll(/\b(api|cpu|gc|llm)\b/gi, (s) => s.toUpperCase());
}
