// An answer of the API that is kept fresh while the page is looked at.
import { useCallback, useLayoutEffect, useState } from 'preact/hooks';
import { ApiError, get } from '../api/client.ts';
import type { Envelope } from '../api/types.ts';
import { useStore } from '../store.ts';
import { feed, nudges } from './feed.ts';

export interface Resource<T> {
  /** The last good answer; it stays when a later one fails. */
  answer: Envelope<T> | null;
  error: ApiError | null;
  reload(): void;
}

interface Held<T> {
  path: string;
  answer: Envelope<T> | null;
  error: ApiError | null;
}

/**
 * useResource asks for path now, every so many milliseconds, and after each event of note,
 * but for pauses. What is seen last has low priority, so that it waits behind the rest.
 */
export function useResource<T>(path: string, every: number, priority: 'high' | 'low' = 'high'): Resource<T> {
  const [held, setHeld] = useState<Held<T>>({ path, answer: null, error: null });
  const [round, setRound] = useState(0);
  const nudge = useStore(nudges);
  // A layout effect, so that the question is on its way before the first paint.
  useLayoutEffect(() => {
    const gone = new AbortController();
    const ask = async () => {
      try {
        const answer = await get<T>(path, { signal: gone.signal, priority });
        setHeld({ path, answer, error: null });
      } catch (error) {
        if (gone.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setHeld((before) => ({ path, answer: before.path === path ? before.answer : null, error }));
      }
    };
    const askSeen = () => {
      if (!document.hidden && !feed.get().paused) void ask();
    };
    void ask();
    const timer = setInterval(askSeen, every);
    document.addEventListener('visibilitychange', askSeen);
    return () => {
      gone.abort();
      clearInterval(timer);
      document.removeEventListener('visibilitychange', askSeen);
    };
  }, [path, every, priority, round, nudge]);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  const mine = held.path === path; // else the answer is still that of another question
  return { answer: mine ? held.answer : null, error: mine ? held.error : null, reload };
}
