// The one event stream of a tab. The browser resumes it by itself after a cut; when the
// server refuses it, it is opened anew with growing pauses, from the last event seen.
import { base } from '../api/client.ts';

export interface StreamHandlers {
  event(name: string, data: unknown): void;
  connected(yes: boolean): void;
  /** The server ended or refused the stream; a dead login is one reason. */
  refused(): void;
}

const names = ['metrics', 'alert', 'recommendation', 'job'];
const firstPause = 1_000;
const longestPause = 30_000;

export class Stream {
  #handlers: StreamHandlers;
  #source: EventSource | null = null;
  #lastId = '';
  #pause = firstPause;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(handlers: StreamHandlers) {
    this.#handlers = handlers;
  }

  open(): void {
    this.close();
    const resume = this.#lastId ? `?last_event_id=${encodeURIComponent(this.#lastId)}` : '';
    const source = new EventSource(`${base}/events${resume}`);
    this.#source = source;
    source.onopen = () => {
      this.#pause = firstPause;
      this.#handlers.connected(true);
    };
    source.onerror = () => {
      this.#handlers.connected(false);
      if (source.readyState === EventSource.CLOSED) this.#again();
    };
    for (const name of names) source.addEventListener(name, (e) => this.#receive(name, e));
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #receive(name: string, e: MessageEvent<string>): void {
    this.#lastId = e.lastEventId;
    let data: unknown;
    try {
      data = JSON.parse(e.data);
    } catch {
      console.error('an event is no JSON and was left out', name);
      return;
    }
    this.#handlers.event(name, data);
  }

  #again(): void {
    this.#handlers.refused();
    this.#timer = setTimeout(() => this.open(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, longestPause);
  }
}
