// The way in: a token by hand. A login link does without this page.
import type { TargetedSubmitEvent } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApiError } from '../api/client.ts';
import { sentence } from '../format.ts';
import { logIn } from '../session.ts';
import { Mark } from '../ui/icon.tsx';

export function Login({ error, notice }: { error: ApiError | undefined; notice: string | undefined }) {
  const field = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const wait = useCountdown(error);
  useEffect(() => field.current?.focus(), [error]);

  const submit = async (e: TargetedSubmitEvent<HTMLFormElement>) => {
    e.preventDefault();
    const token = field.current?.value.trim() ?? '';
    if (token === '' || busy || wait > 0) return;
    setBusy(true);
    await logIn(token);
    setBusy(false);
    if (field.current) field.current.value = '';
  };

  return (
    <main class="flex min-h-screen items-center justify-center p-4">
      <div class="panel w-full max-w-sm gap-4 p-6">
        <div class="flex items-center gap-2">
          <Mark />
          <h1 class="text-base font-semibold">Log in to Upshift</h1>
        </div>
        {notice !== undefined && <p class="rounded-md bg-raised px-3 py-2">{notice}</p>}
        <form class="flex flex-col gap-3" onSubmit={submit}>
          <label class="flex flex-col gap-1">
            <span class="font-medium">Access token</span>
            <input
              ref={field}
              type="password"
              name="token"
              required
              autocomplete="current-password"
              spellcheck={false}
              maxLength={512}
              aria-describedby="token-help"
              class="h-9 rounded-md border border-line-strong bg-ground px-2.5 text-ink"
            />
          </label>
          <p id="token-help" class="text-xs text-dim">
            The first start of upshift prints a login link. More tokens: <code>upshift token create</code>
          </p>
          <div role="alert">
            {error && (
              <p class="rounded-md bg-bad-soft px-3 py-2 text-bad">
                <span class="font-medium">{sentence(error.message)}</span>
                {error.hint !== '' && <span class="block text-xs">{error.hint}</span>}
              </p>
            )}
          </div>
          <button type="submit" class="button button-main h-9" disabled={busy || wait > 0}>
            {wait > 0 ? `Try again in ${wait} s` : busy ? 'Logging in …' : 'Log in'}
          </button>
        </form>
      </div>
    </main>
  );
}

/** useCountdown counts the seconds down that the server asked to wait. */
function useCountdown(error: ApiError | undefined): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const until = Date.now() + 1_000 * (error?.retryAfter ?? 0);
    const tick = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1_000)));
    tick();
    if (until <= Date.now()) return undefined;
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  }, [error]);
  return left;
}
