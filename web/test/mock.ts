// A stand-in for the server: dist/ with the headers of web.go, canned answers, and an
// event stream. A test changes what it says and sees what it was asked.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import * as canned from './canned.ts';

const base = '/api/performance';
const dist = join(process.cwd(), 'dist');

/** What web.go sends; the test against the real binary holds the two together. */
export const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml',
};

export interface Reply {
  status?: number;
  headers?: Record<string, string>;
  body: unknown;
}

type Answer = (url: URL, body: string) => Reply | Promise<Reply>;

export const ok = (data: unknown, more: object = {}): Reply => ({ body: { success: true, data, ...more } });

export const problem = (status: number, detail: string, hint = '', retryAfter = 0): Reply => ({
  status,
  headers: { 'Content-Type': 'application/problem+json', ...(retryAfter ? { 'Retry-After': `${retryAfter}` } : {}) },
  body: { success: false, title: 'Problem', status, detail, hint },
});

export class Mock {
  readonly answers = new Map<string, Answer>();
  /** Method and path of every call to the API. */
  readonly asked: string[] = [];
  /** last_event_id of each stream that was opened. */
  readonly resumed: string[] = [];
  loggedIn = true;
  /** Whether streams are taken. */
  streaming = true;
  /** Whether frames come by themselves, one a second. */
  ticking = true;
  makeFrame: () => unknown = canned.frame;
  readonly #streams = new Set<ServerResponse>();
  readonly #server: Server;
  readonly #timer: NodeJS.Timeout;
  #event = 0;

  constructor() {
    this.#server = createServer((req, res) => void this.#serve(req, res));
    this.#timer = setInterval(() => this.ticking && this.send('metrics', this.makeFrame()), 1_000);
    for (const [path, data] of Object.entries(cannedAnswers)) this.answers.set(path, data);
  }

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  send(event: string, data: unknown): void {
    this.#event++;
    for (const s of this.#streams) s.write(`id: e-${this.#event}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** cut ends every stream, as a restart would. */
  cut(): void {
    for (const s of this.#streams) s.end();
    this.#streams.clear();
  }

  get streams(): number {
    return this.#streams.size;
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', 'http://mock');
    res.setHeader('Content-Security-Policy', policy);
    res.setHeader('X-Content-Type-Options', 'nosniff');
    if (url.pathname.startsWith(`${base}/`)) await this.#api(req, res, url);
    else await file(res, url.pathname);
  }

  async #api(req: IncomingMessage, res: ServerResponse, url: URL): Promise<void> {
    const path = url.pathname.slice(base.length);
    this.asked.push(`${req.method} ${path}`);
    let body = '';
    for await (const chunk of req) body += String(chunk);
    if (!this.loggedIn && path !== '/session') return reply(res, problem(401, 'the login is over'));
    if (path === '/events') return this.#open(req, res, url);
    const answer = this.answers.get(req.method === 'GET' ? path : `${req.method} ${path}`) ?? this.#session(req, path);
    return reply(res, await answer(url, body));
  }

  #session(req: IncomingMessage, path: string): Answer {
    if (path !== '/session') return () => problem(404, `there is nothing at ${path}`);
    return (_url, body) => {
      if (req.method === 'DELETE') this.loggedIn = false;
      if (req.method !== 'POST') return this.loggedIn || req.method === 'DELETE' ? ok(canned.identity) : problem(401, 'this needs a token or a login');
      const { token } = JSON.parse(body) as { token: string };
      this.loggedIn = token === 'right';
      return this.loggedIn ? ok(canned.identity) : problem(401, 'this token is not in force', 'upshift token list shows those that are');
    };
  }

  #open(req: IncomingMessage, res: ServerResponse, url: URL): void {
    if (!this.streaming) return reply(res, problem(503, 'there are too many event streams', '', 1));
    this.resumed.push(url.searchParams.get('last_event_id') ?? String(req.headers['last-event-id'] ?? ''));
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    res.write('retry: 200\n\n');
    this.#streams.add(res);
    res.on('close', () => this.#streams.delete(res));
  }
}

const cannedAnswers: Record<string, Answer> = {
  '/metrics': (url) => {
    const hours = Number(url.searchParams.get('hours'));
    const step = Number(url.searchParams.get('step'));
    const data = canned.points(hours, step);
    return ok(data, {
      metadata: {
        enabled: true, start_time: data[0]?.timestamp, end_time: new Date().toISOString(), total_points: data.length,
        step_seconds: step,
      },
    });
  },
  '/metrics/current': () => ok(canned.current()),
  '/status': () => ok(canned.status),
  '/cache/stats': () => ok(canned.cache),
  '/load-balancer/stats': () => ok(canned.balancer),
  '/load-balancer/servers': () => ok(canned.backends),
  '/profiler/summary': () => ok(canned.profiler),
  '/database/stats': () => ok(canned.database),
  '/database/slow-queries': () => ok(canned.queries),
  '/recommendations': () => ok(canned.recommendations),
  '/alerts': () => ok(canned.alerts),
  '/alerts/rules': () => ok(canned.rules),
};

function reply(res: ServerResponse, r: Reply): void {
  res.writeHead(r.status ?? 200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...r.headers });
  res.end(JSON.stringify(r.body));
}

async function file(res: ServerResponse, path: string): Promise<void> {
  const name = path === '/' || extname(path) === '' ? '/index.html' : path;
  try {
    const data = await readFile(join(dist, name));
    res.writeHead(200, { 'Content-Type': types[extname(name)] ?? 'application/octet-stream' });
    res.end(data);
  } catch {
    res.writeHead(404).end();
  }
}
