// What the stream brought: the newest frame, whether it can be trusted, and the last
// minutes for the charts.
import { ApiError, get } from '../api/client.ts';
import type { Frame, Point } from '../api/types.ts';
import { Store } from '../store.ts';
import { Stream } from './stream.ts';

/** Without a frame for so long, in milliseconds, figures are stale. */
export const staleAfter = 5_000;

const keptPoints = 1_000;

export interface Feed {
  frame: Frame | null;
  /** When the newest frame came, in milliseconds; 0 before the first. */
  at: number;
  connected: boolean;
  stale: boolean;
  paused: boolean;
}

const start: Feed = { frame: null, at: 0, connected: false, stale: false, paused: false };

export const feed = new Store<Feed>(start);

/** nudges counts the events that make other answers worth asking for again. */
export const nudges = new Store(0);

/** recent are the points of the frames since the page opened, oldest first. */
export const recent: Point[] = [];

let waiting: Frame | null = null; // came while paused
let nudged = false; // while paused
let openedAt = 0;

function change(part: Partial<Feed>): void {
  feed.set({ ...feed.get(), ...part });
}

function receive(frame: Frame): void {
  const last = recent.at(-1);
  // A resumed stream repeats what was missed; what is older than known is not news.
  if (!last || frame.current.timestamp > last.timestamp) recent.push(frame.current);
  if (recent.length > keptPoints) recent.splice(0, recent.length - keptPoints);
  const now = feed.get();
  if (now.paused) waiting = frame;
  else show(frame);
}

function show(frame: Frame): void {
  const before = feed.get().frame;
  change({ frame, at: Date.now(), stale: false });
  if (before && (before.alerts !== frame.alerts || before.recommendations !== frame.recommendations)) nudge();
}

function nudge(): void {
  nudged = feed.get().paused;
  if (nudged) return;
  nudges.set(nudges.get() + 1);
}

/** pause holds the figures on the screen still; the stream goes on. */
export function pause(yes: boolean): void {
  change({ paused: yes });
  if (yes) return;
  if (waiting) show(waiting);
  waiting = null;
  if (nudged) nudge();
}

function judge(): void {
  const now = feed.get();
  if (now.paused) return;
  const stale = Date.now() - Math.max(now.at, openedAt) >= staleAfter;
  if (stale !== now.stale) change({ stale });
}

/** openFeed starts the stream and returns what stops it. */
export function openFeed(): () => void {
  const stream = new Stream({
    event(name, data) {
      if (name === 'metrics') receive(data as Frame);
      else nudge();
    },
    connected(yes) {
      change({ connected: yes });
    },
    refused() {
      // An EventSource hides the status. Asking who we are tells a dead login from a dead server.
      get('/status').catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
      });
    },
  });
  recent.length = 0;
  waiting = null;
  nudged = false;
  openedAt = Date.now();
  feed.set(start);
  stream.open();
  const timer = setInterval(judge, 1_000);
  return () => {
    clearInterval(timer);
    stream.close();
  };
}
