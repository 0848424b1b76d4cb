// Line icons, 16 px. They say nothing to a screen reader: a word always stands beside them.
const paths = {
  check: 'M3.5 8.5 6.5 11.5 12.5 4.5',
  warning: 'M8 2.5 14.2 13.3H1.8ZM8 6.5v3M8 11.4v.2',
  cross: 'M4 4l8 8M12 4l-8 8',
  off: 'M8 2v5.5M4.6 4.4a5 5 0 1 0 6.8 0',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.3v9.4L12.5 8Z',
  clock: 'M8 4.5V8l2.3 1.6M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  sun: 'M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6ZM8 1.5V3M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1',
  moon: 'M13.3 9.6A5.6 5.6 0 0 1 6.4 2.7a5.6 5.6 0 1 0 6.9 6.9Z',
  screen: 'M2 3h12v8H2ZM6 14h4M8 11v3',
  exit: 'M6.5 2.5h-4v11h4M6 8h8M11 5l3 3-3 3',
  table: 'M2 3h12v10H2ZM2 6.5h12M2 9.8h12M6.5 3v10',
  chart: 'M2 2.5v11h12M4.5 10.5 7.5 7l2.5 2 3.5-4.5',
  out: 'M6 3.5h6.5V10M12.5 3.5 4 12',
  wrench: 'M13.2 4.2a3.4 3.4 0 0 1-4.6 4.3L4.4 12.7a1.2 1.2 0 0 1-1.7-1.7l4.2-4.2a3.4 3.4 0 0 1 4.3-4.6L9.3 4.1l.5 2.1 2.1.5Z',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, class: extra = '' }: { name: IconName; class?: string }) {
  return (
    <svg
      class={`size-4 shrink-0 ${extra}`}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  );
}

export function Mark() {
  return (
    <svg class="size-6 shrink-0" viewBox="0 0 24 24" aria-hidden="true">
      <rect width="24" height="24" rx="6" class="fill-accent" />
      <path
        d="M6.5 12.5 12 7l5.5 5.5M6.5 17.5 12 12l5.5 5.5"
        fill="none"
        class="stroke-on-accent"
        stroke-width="2.2"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
