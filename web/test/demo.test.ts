// The dashboard on a real upshift with real traffic.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { accessible, type Browser, launch, noSideways, openPage, shot, skip } from './browser.ts';
import { policy } from './mock.ts';
import { demo, noBinary, type Upshift } from './upshift.ts';

describe('demo', { skip: skip || noBinary }, () => {
  let browser: Browser;
  let upshift: Upshift;
  before(async () => {
    [browser, upshift] = await Promise.all([launch(), demo('--rate', '50')]);
  });
  after(() => Promise.all([browser?.close(), upshift?.stop()]));

  const live = (page: Page) => page.getByRole('status').filter({ hasText: /^Live$/ }).waitFor();

  test('the login link shows live figures of every part', async () => {
    const { page, faults } = await openPage(browser.context, upshift.origin);
    await page.goto(upshift.link);
    await live(page);
    assert.equal(page.url().includes('token'), false);
    for (const name of ['Requests', 'Response time', 'Cache hit rate', 'CPU', 'Memory']) {
      await page.waitForFunction((of) => {
        const tile = [...document.querySelectorAll('dt')].find((t) => t.textContent === of)?.parentElement;
        return /[1-9]/.test(tile?.querySelector('dd')?.textContent ?? '');
      }, name);
    }
    const servers = page.getByRole('region', { name: 'Servers' });
    await servers.getByText('Healthy').first().waitFor();
    await servers.getByRole('row').nth(2).waitFor();
    await page.getByRole('region', { name: 'Slowest functions' }).getByRole('row').nth(1).waitFor();
    await page.getByRole('region', { name: 'Parts' }).getByText('Gateway').waitFor();
    await page.getByRole('region', { name: 'Background work' }).getByRole('row').nth(1).waitFor();
    assert.equal(await page.getByText('Try again').count(), 0); // no panel failed
    assert.deepEqual(faults, []);
    await page.close();
  });

  test('the page has the headers that the tests against canned answers assume', async () => {
    const { page } = await openPage(browser.context, upshift.origin);
    const answer = await page.goto(upshift.origin);
    assert.equal(answer?.headers()['content-security-policy'], policy);
    assert.equal(answer?.headers()['x-content-type-options'], 'nosniff');
    await page.close();
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [390, 768, 1280]) {
      test(`${colorScheme}, ${width} px`, async () => {
        const { page, faults } = await openPage(browser.context, upshift.origin);
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        await page.goto(upshift.origin);
        await live(page);
        await page.locator('canvas').nth(3).waitFor();
        await shot(page, `demo-${colorScheme}-${width}`);
        await noSideways(page, `${colorScheme} ${width}`);
        await accessible(page, `${colorScheme} ${width}`);
        assert.deepEqual(faults, []);
        await page.close();
      });
    }
  }

  test('how soon the page can be used', async () => {
    for (const slowdown of [1, 4]) {
      const loads: Timing[] = [];
      for (let i = 0; i < 5; i++) loads.push(await load(browser, upshift.origin, slowdown));
      const median = (key: keyof Timing) => loads.map((l) => l[key]).sort((a, b) => a - b)[2]?.toFixed(0);
      console.log(
        `CPU ${slowdown}x slower, median of 5 loads: first paint ${median('painted')} ms, figures and controls ` +
          `${median('usable')} ms, charts ${median('charts')} ms, ${median('kilobytes')} KB over the wire`,
      );
    }
  });

  test('logging out ends the session', async () => {
    const { page } = await openPage(browser.context, upshift.origin);
    await page.goto(upshift.origin);
    await live(page);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByText('You are logged out.').waitFor();
    await page.reload();
    await page.getByLabel('Access token').waitFor();
    await page.close();
  });
});

/** Timing is in milliseconds since the navigation began. */
interface Timing {
  painted: number;
  usable: number;
  charts: number;
  kilobytes: number;
}

async function load(browser: Browser, origin: string, slowdown: number): Promise<Timing> {
  const { page } = await openPage(browser.context, origin);
  const cdp = await browser.context.newCDPSession(page);
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
  await cdp.send('Network.enable');
  await cdp.send('Network.setCacheDisabled', { cacheDisabled: true });
  await page.addInitScript(watchLoad);
  await page.goto(origin);
  await page.waitForFunction(() => (window as unknown as { load: { charts: number } }).load.charts > 0);
  const timing = await page.evaluate(() => {
    const files = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
    const page = performance.getEntriesByType('navigation')[0] as PerformanceNavigationTiming;
    const bytes = files.filter((f) => !f.name.includes('/api/')).reduce((sum, f) => sum + f.transferSize, page.transferSize);
    return {
      ...(window as unknown as { load: { usable: number; charts: number } }).load,
      painted: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
      kilobytes: bytes / 1000,
    };
  });
  await page.close();
  return timing;
}

/** watchLoad runs in the page before it does: each frame, it looks for what a person waits for. */
function watchLoad(): void {
  const seen = { usable: 0, charts: 0 };
  (window as unknown as { load: typeof seen }).load = seen;
  const look = () => {
    const tile = [...document.querySelectorAll('dt')].find((t) => t.textContent === 'CPU')?.parentElement;
    if (!seen.usable && /\d/.test(tile?.querySelector('dd')?.textContent ?? '')) seen.usable = performance.now();
    if (!seen.charts && document.querySelectorAll('canvas').length >= 4) seen.charts = performance.now();
    if (!seen.charts) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
