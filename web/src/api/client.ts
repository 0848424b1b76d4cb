// One way to ask the server: JSON in its envelope, or an ApiError that a person can read.
import type { Envelope } from './types.ts';

export const base = '/api/performance';

const patience = 15_000; // milliseconds until a call counts as lost

/** An answer that is not a success. status is 0 when there was none at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly hint: string;
  /** Seconds to wait before the next try, 0 when the server names none. */
  readonly retryAfter: number;

  constructor(status: number, detail: string, hint = '', retryAfter = 0) {
    super(detail);
    this.name = 'ApiError';
    this.status = status;
    this.hint = hint;
    this.retryAfter = retryAfter;
  }
}

let onUnauthorized: (error: ApiError) => void = () => {};

/** whenUnauthorized names who is told that the login is over. */
export function whenUnauthorized(tell: (error: ApiError) => void): void {
  onUnauthorized = tell;
}

export interface Asking {
  signal?: AbortSignal;
  /** Which answers the browser should get first. */
  priority?: 'high' | 'low';
}

export function get<T>(path: string, how: Asking = {}): Promise<Envelope<T>> {
  return call<T>('GET', path, undefined, how);
}

export async function call<T>(method: string, path: string, body?: unknown, how: Asking = {}): Promise<Envelope<T>> {
  const { signal, priority = 'high' } = how;
  const limits = [AbortSignal.timeout(patience), ...(signal ? [signal] : [])];
  const init: RequestInit = { method, priority, signal: AbortSignal.any(limits) };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { 'Content-Type': 'application/json' };
  }
  let response: Response;
  try {
    response = await fetch(base + path, init);
  } catch (cause) {
    if (signal?.aborted) throw cause; // the caller went away, not the server
    throw new ApiError(0, 'The server does not answer.', 'Is upshift running? It is asked again by itself.');
  }
  if (response.ok) return parse<T>(response);
  const error = await problem(response);
  if (response.status === 401 && path !== '/session') onUnauthorized(error);
  throw error;
}

async function parse<T>(response: Response): Promise<Envelope<T>> {
  try {
    return (await response.json()) as Envelope<T>;
  } catch {
    throw new ApiError(response.status, 'The answer is no JSON.', 'Is a proxy between the browser and upshift?');
  }
}

async function problem(response: Response): Promise<ApiError> {
  const wait = Number(response.headers.get('Retry-After'));
  const retryAfter = Number.isFinite(wait) && wait > 0 ? wait : 0;
  let detail = `The server answered ${response.status} ${response.statusText}`.trim();
  let hint = '';
  try {
    const body = (await response.json()) as { detail?: unknown; hint?: unknown };
    if (typeof body.detail === 'string') detail = body.detail;
    if (typeof body.hint === 'string') hint = body.hint;
  } catch {
    // Not from upshift, such as a proxy's page: the status has to do.
  }
  return new ApiError(response.status, detail, hint, retryAfter);
}
