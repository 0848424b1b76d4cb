// What a person can change on the page, against canned answers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { accessible, type Browser, launch, shot, skip } from './browser.ts';
import * as canned from './canned.ts';
import { live, until, visit, type Visit } from './kit.ts';
import type { Mock } from './mock.ts';

describe('controls', { skip }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  const on = (prepare: NonNullable<Visit['prepare']>, look: (page: Page, mock: Mock) => Promise<void>, path = '/') =>
    visit(browser, look, { prepare, path });

  test('pause holds the figures, resume goes on', async () => {
    await on(
      (mock) => {
        mock.ticking = false;
      },
      async (page, mock) => {
        const rate = (v: number) => {
          const f = canned.frame();
          f.current.requests_per_second = v;
          mock.send('metrics', f);
        };
        await until(() => mock.streams === 1);
        await page.addInitScript(countFrames);
        await page.reload();
        await until(() => mock.resumed.length === 2 && mock.streams === 1);
        rate(1_111);
        await page.getByText('1,111').first().waitFor();
        await page.getByRole('button', { name: 'Pause live figures' }).click();
        await page.getByText(/^Paused \d/).waitFor();
        rate(2_222);
        await page.waitForFunction(() => (window as unknown as { frames: number }).frames === 2);
        assert.equal(await page.getByText('2,222').count(), 0);
        await page.getByRole('button', { name: 'Resume live figures' }).click();
        await page.getByText('2,222').first().waitFor();
      },
    );
  });

  test('the theme is chosen and kept', async () => {
    await on(
      () => {},
      async (page) => {
        await page.emulateMedia({ colorScheme: 'light' });
        await live(page);
        const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
        const light = await ground();
        await page.getByRole('button', { name: 'Theme: system. Switch to light' }).click();
        await page.getByRole('button', { name: 'Theme: light. Switch to dark' }).click();
        const dark = await ground();
        assert.notEqual(dark, light);
        await page.reload();
        await page.getByRole('button', { name: 'Theme: dark. Switch to system' }).waitFor();
        assert.equal(await ground(), dark);
        await page.getByRole('button', { name: 'Theme: dark. Switch to system' }).click();
        assert.equal(await ground(), light);
      },
    );
  });

  test('the range is kept in the address', async () => {
    await on(
      () => {},
      async (page, mock) => {
        await page.getByRole('button', { name: '7 d' }).click();
        await page.getByRole('heading', { name: 'Over the last 7 days' }).waitFor();
        await page.locator('canvas').nth(3).waitFor();
        await shot(page, 'range-7d');
        await page.reload();
        await page.getByRole('heading', { name: 'Over the last 7 days' }).waitFor();
        assert.equal(new URL(page.url()).searchParams.get('range'), '7d');
        assert.equal(mock.asked.some((a) => a === 'GET /metrics'), true);
      },
    );
  });

  test('a chart can be walked, zoomed and read as a table', async () => {
    await on(
      () => {},
      async (page) => {
        const chart = page.getByRole('slider', { name: 'Error rate, point in time' });
        await page.locator('canvas').nth(3).waitFor();
        await chart.focus();
        await page.keyboard.press('Home');
        await page.waitForFunction(() => document.activeElement?.getAttribute('aria-valuenow') === '0');
        await page.keyboard.press('ArrowRight');
        await page.waitForFunction(() => document.activeElement?.getAttribute('aria-valuenow') === '1');
        assert.match((await chart.getAttribute('aria-valuetext')) ?? '', /^\d\d:\d\d:\d\d: [\d.<]+\u00a0%$/);
        await page.keyboard.press('Escape');

        const box = await chart.boundingBox();
        assert.ok(box);
        await page.mouse.move(box.x + 0.4 * box.width, box.y + 60);
        await page.mouse.down();
        await page.mouse.move(box.x + 0.7 * box.width, box.y + 60, { steps: 4 });
        await page.mouse.up();
        const reset = page.getByRole('button', { name: 'Reset zoom' });
        await reset.waitFor();
        await shot(page, 'zoomed');
        await reset.click();

        await page.getByRole('button', { name: 'Table of Error rate' }).click();
        const table = page.getByRole('region', { name: 'Error rate, table' });
        await table.getByRole('row').nth(23).waitFor();
        await accessible(page, 'table');
        await shot(page, 'table');
      },
    );
  });

  test('a path without a page says so', async () => {
    await on(
      () => {},
      async (page) => {
        await page.getByText('There is no such page').waitFor();
        await accessible(page, 'not found');
        await page.getByRole('link', { name: 'Go to the overview' }).click();
        await live(page);
      },
      '/nowhere',
    );
  });
});

/** countFrames runs in the page: it counts the frames that the page has dealt with. */
function countFrames(): void {
  const counted = window as unknown as { frames: number };
  counted.frames = 0;
  const add = EventSource.prototype.addEventListener as (name: string, tell: (e: Event) => void) => void;
  EventSource.prototype.addEventListener = function (this: EventSource, name: string, tell: unknown) {
    add.call(this, name, (e) => {
      (tell as (e: Event) => void)(e);
      if (name === 'metrics') counted.frames++;
    });
  };
}
