// A headless Chromium that notes everything a page must not do.
import { AxeBuilder } from '@axe-core/playwright';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const executable = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((p) => existsSync(p));

const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** Without a browser these tests are skipped by name, but never where CI is set. */
export const skip: string | false =
  executable !== undefined || process.env['CI'] ? false : 'no Chromium: apt-get install chromium';

export interface Browser {
  context: BrowserContext;
  close(): Promise<void>;
}

export async function launch(): Promise<Browser> {
  if (executable === undefined) throw new Error('no Chromium: apt-get install chromium');
  const profile = await mkdtemp(join(tmpdir(), 'upshift-web-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable,
    headless: true,
    args: flags,
    viewport: { width: 1280, height: 900 },
    timezoneId: 'UTC',
  });
  context.setDefaultTimeout(20_000);
  return {
    context,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Faults are errors of scripts, breaches of the policy, and requests to anyone else. */
export async function openPage(context: BrowserContext, origin: string): Promise<{ page: Page; faults: string[] }> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (e) => faults.push(`error: ${e.message}`));
  page.on('console', (m) => {
    if (/Content.Security.Policy|violat/i.test(m.text())) faults.push(`policy: ${m.text()}`);
  });
  page.on('request', (r) => {
    if (!r.url().startsWith(origin)) faults.push(`foreign request: ${r.url()}`);
  });
  return { page, faults };
}

/** accessible fails on any violation that axe finds, best practices included. */
export async function accessible(page: Page, where: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map((v) => `${v.id}: ${v.help}\n    ${v.nodes.map((n) => `${n.html} ${n.any[0]?.message ?? ''}`).join('\n    ')}`);
  assert.deepEqual(found, [], `axe at ${where}`);
}

export async function noSideways(page: Page, where: string): Promise<void> {
  const over = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const wide = [...document.querySelectorAll('body *')].filter((e) => {
      const box = e.getBoundingClientRect();
      return box.width > 0 && box.right > width + 0.5 && !e.closest('[role=region], .sr-only');
    });
    return { scroll: document.documentElement.scrollWidth - width, wide: wide.map((e) => e.outerHTML.slice(0, 120)) };
  });
  assert.deepEqual(over, { scroll: 0, wide: [] }, `sideways at ${where}`);
}

/** shot keeps a picture for people when SHOTS names a directory. */
export async function shot(page: Page, name: string): Promise<void> {
  const dir = process.env['SHOTS'];
  if (dir) await page.screenshot({ path: join(dir, `${name}.png`), fullPage: true });
}
