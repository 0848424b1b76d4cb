// Who is logged in. A token goes to the server once, in exchange for a cookie that
// scripts cannot read; it is kept nowhere here.
import { ApiError, call, get, whenUnauthorized } from './api/client.ts';
import type { Identity } from './api/types.ts';
import { sentence } from './format.ts';
import { Store } from './store.ts';

export type Session =
  | { phase: 'checking' }
  | { phase: 'unreachable'; error: ApiError }
  | { phase: 'anonymous'; error?: ApiError; notice?: string }
  | { phase: 'known'; identity: Identity };

export const session = new Store<Session>({ phase: 'checking' });

whenUnauthorized((error) => {
  if (session.get().phase === 'known') session.set({ phase: 'anonymous', notice: `${sentence(error.message)}.` });
});

/** begin logs in with the token of a login link, or with the cookie of an earlier login. */
export async function begin(): Promise<void> {
  const token = takeToken();
  if (token) {
    await logIn(token);
    return;
  }
  try {
    session.set({ phase: 'known', identity: (await get<Identity>('/session')).data });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    session.set(error.status === 401 ? { phase: 'anonymous' } : { phase: 'unreachable', error });
  }
}

/** takeToken reads #token=… and takes it out of the address and the history. */
export function takeToken(): string {
  const match = /^#token=(.+)$/.exec(location.hash);
  if (!match?.[1]) return '';
  history.replaceState(null, '', location.pathname + location.search);
  try {
    return decodeURIComponent(match[1]);
  } catch {
    return match[1]; // not escaped after all
  }
}

export async function logIn(token: string): Promise<void> {
  try {
    session.set({ phase: 'known', identity: (await call<Identity>('POST', '/session', { token })).data });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    session.set({ phase: 'anonymous', error });
  }
}

/** logOut answers with the error when the server did not take it, because the cookie is in force then. */
export async function logOut(): Promise<ApiError | null> {
  try {
    await call('DELETE', '/session');
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  session.set({ phase: 'anonymous', notice: 'You are logged out.' });
  return null;
}
