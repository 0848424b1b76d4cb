// A titled box, and what stands in it while there is no answer.
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { ApiError } from '../api/client.ts';
import { sentence } from '../format.ts';
import type { Resource } from '../live/resource.ts';
import { Icon, type IconName } from './icon.tsx';

interface PanelProps {
  title: string;
  /** Beside the title: a total, a link. */
  aside?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

export function Panel({ title, aside, class: extra = '', children }: PanelProps) {
  const id = useId();
  return (
    <section class={`panel ${extra}`} aria-labelledby={id}>
      <header class="flex min-h-10 flex-wrap items-center justify-between gap-x-3 gap-y-1 px-3 pt-2 pb-1">
        <h2 id={id} class="panel-title">
          {title}
        </h2>
        {aside !== undefined && <div class="text-xs text-dim">{aside}</div>}
      </header>
      <div class="flex min-w-0 grow flex-col px-3 pb-3">{children}</div>
    </section>
  );
}

/** Note is the place of a list that has nothing to show. */
export function Note({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="flex grow flex-col items-center justify-center gap-1 px-4 py-6 text-center text-dim">
      <Icon name={icon} class="size-5" />
      <p class="font-medium text-ink">{title}</p>
      {children !== undefined && <p class="max-w-prose text-xs">{children}</p>}
    </div>
  );
}

/** More switches between the first of a list and all of it; it is nothing when that is the same. */
export function More(props: { all: boolean; total: number; atFirst: number; onChange(all: boolean): void }) {
  if (props.total <= props.atFirst) return null;
  return (
    <button
      type="button"
      class="font-medium text-accent underline-offset-2 hover:underline"
      aria-expanded={props.all}
      onClick={() => props.onChange(!props.all)}
    >
      {props.all ? 'Show fewer' : `Show all ${props.total}`}
    </button>
  );
}

export function Loading({ rows = 3, label }: { rows?: number; label: string }) {
  return (
    <div class="flex grow flex-col gap-2 py-1" role="status" aria-label={`Loading ${label}`}>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} class="skeleton h-6" />
      ))}
    </div>
  );
}

export function Failure({ error, retry }: { error: ApiError; retry: () => void }) {
  return (
    <div class="flex flex-col items-start gap-2 rounded-md bg-bad-soft px-3 py-2" role="alert">
      <p class="text-bad">
        <span class="font-medium">{sentence(error.message)}</span>
        {error.hint !== '' && <span class="block text-xs">{error.hint}</span>}
        {error.retryAfter > 0 && <span class="block text-xs">Wait {Math.ceil(error.retryAfter)} s before the next try.</span>}
      </p>
      <button type="button" class="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

/** Answered draws a resource: loading, failed, or with its data, which outlives a failure. */
export function Answered<T>(props: { of: Resource<T>; label: string; rows?: number; children: (data: T) => ComponentChildren }) {
  const { answer, error, reload } = props.of;
  if (!answer) {
    return error ? <Failure error={error} retry={reload} /> : <Loading label={props.label} rows={props.rows ?? 3} />;
  }
  return (
    <>
      {error && <Failure error={error} retry={reload} />}
      {props.children(answer.data)}
    </>
  );
}
