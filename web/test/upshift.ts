// The real binary, on free ports and a data directory of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const binary = join(process.cwd(), '..', 'bin', 'upshift');

/** Without the binary its tests are skipped by name, but never where CI is set. */
export const noBinary: string | false =
  existsSync(binary) || process.env['CI'] ? false : 'no bin/upshift: make build';

export interface Upshift {
  /** The login link. */
  link: string;
  origin: string;
  stop(): Promise<void>;
}

const patience = 60_000; // until the link is printed; a Postgres may have to start first

/** demo starts `upshift demo` and returns once it has printed its login link. */
export async function demo(...more: string[]): Promise<Upshift> {
  const dir = await mkdtemp(join(tmpdir(), 'upshift-demo-'));
  const args = ['demo', '--data-dir', dir, '--set', 'api.listen=127.0.0.1:0', '--set', 'gateway.listen=127.0.0.1:0', ...more];
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = async () => {
    await end(child);
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const link = await linkOf(child);
    return { link, origin: new URL(link).origin, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function linkOf(child: ChildProcess): Promise<string> {
  return new Promise((found, failed) => {
    let said = '';
    const fail = (why: string) => failed(new Error(`${why}; it said:\n${said}`));
    const timer = setTimeout(() => fail(`no login link within ${patience / 1000} s`), patience);
    const hear = (chunk: Buffer) => {
      said += String(chunk);
      const link = /https?:\/\/\S+#token=\S+/.exec(said)?.[0];
      if (link) {
        clearTimeout(timer);
        found(link);
      }
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.on('error', (e) => fail(e.message));
    child.on('exit', (code) => {
      clearTimeout(timer);
      fail(`upshift ended with ${code}`);
    });
  });
}

/** end asks the process to stop, and makes it after half a minute. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  await gone;
  clearTimeout(timer);
}
