// Small drawings without axes: a line, a bar, a ring. The figure stands beside each.

/** Sparkline draws values, oldest first; null is a gap. */
export function Sparkline({ values, ceiling }: { values: readonly (number | null)[]; ceiling?: number }) {
  return (
    <svg class="h-8 w-full text-series-1" viewBox="0 0 100 32" preserveAspectRatio="none" aria-hidden="true">
      <path d={sparkPath(values, ceiling)} fill="none" stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke" />
    </svg>
  );
}

/** sparkPath fits values into 100 × 32, from zero up to the greatest of them or ceiling. */
export function sparkPath(values: readonly (number | null)[], ceiling = 0): string {
  const top = Math.max(ceiling, ...values.map((v) => v ?? 0)) || 1;
  const step = 100 / Math.max(1, values.length - 1);
  let path = '';
  let pen = false;
  values.forEach((v, i) => {
    if (v === null) {
      pen = false;
      return;
    }
    path += `${pen ? 'L' : 'M'}${(i * step).toFixed(2)} ${(31 - (30 * v) / top).toFixed(2)}`;
    pen = true;
  });
  return path;
}

/** Bar fills a share, 0 to 1. */
export function Bar({ share, class: extra = 'fill-series-1' }: { share: number; class?: string }) {
  return (
    <svg class="h-1.5 w-full overflow-hidden rounded-full" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect width="100" height="6" class="fill-raised" />
      <rect width={100 * Math.min(1, Math.max(0, share))} height="6" class={extra} />
    </svg>
  );
}

const around = 2 * Math.PI * 42;

/** Ring is a score from 0 to 100 as an arc. The number stands within. */
export function Ring({ score, class: extra }: { score: number; class: string }) {
  const arc = (around * Math.min(100, Math.max(0, score))) / 100;
  return (
    <svg class={`size-20 shrink-0 -rotate-90 ${extra}`} viewBox="0 0 100 100" fill="none" stroke-width="9" aria-hidden="true">
      <circle cx="50" cy="50" r="42" class="stroke-raised" />
      <circle cx="50" cy="50" r="42" stroke="currentColor" stroke-linecap="round" stroke-dasharray={`${arc} ${around}`} />
    </svg>
  );
}
