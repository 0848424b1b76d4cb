// Every state of the overview, against canned answers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { accessible, type Browser, launch, noSideways, openPage, shot, skip } from './browser.ts';
import * as canned from './canned.ts';
import { live, until, visit, type Visit } from './kit.ts';
import { Mock, ok, problem } from './mock.ts';

describe('states', { skip }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  const on = (prepare: NonNullable<Visit['prepare']>, look: (page: Page, mock: Mock) => Promise<void>, path = '/') =>
    visit(browser, look, { prepare, path });

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [390, 768, 1280]) {
      test(`overview, ${colorScheme}, ${width} px`, async () => {
        await on(
          () => {},
          async (page) => {
            await page.emulateMedia({ colorScheme });
            await page.setViewportSize({ width, height: 900 });
            await live(page);
            await page.locator('canvas').nth(3).waitFor();
            await shot(page, `overview-${colorScheme}-${width}`);
            await noSideways(page, `${colorScheme} ${width}`);
            await accessible(page, `${colorScheme} ${width}`);
          },
        );
      });
    }
  }

  test('figures follow the stream', async () => {
    await on(
      (mock) => {
        mock.ticking = false;
      },
      async (page, mock) => {
        await page.getByText('48.7').first().waitFor(); // the table is there before any frame
        const frame = canned.frame();
        frame.current.requests_per_second = 7_654;
        frame.status = { status: 'poor', health_score: 41.6, causes: [{ component: 'memory', lost: 58.4, reason: 'no room', action: '' }] };
        await until(() => mock.streams === 1);
        mock.send('metrics', frame);
        await page.getByText('7,654').first().waitFor();
        await page.getByText('58 points lost, most of it to the memory.').waitFor();
        await page.waitForFunction(() => document.title === '(1) 42 · Upshift');
      },
    );
  });

  test('loading', async () => {
    let release = () => {};
    const gate = new Promise<void>((open) => {
      release = open;
    });
    await on(
      (mock) => {
        mock.ticking = false;
        for (const [path, answer] of [...mock.answers]) {
          mock.answers.set(path, async (url, body) => {
            await gate;
            return answer(url, body);
          });
        }
      },
      async (page) => {
        await page.getByRole('status', { name: 'Loading health' }).waitFor();
        await page.getByRole('status', { name: 'Loading Requests', exact: true }).waitFor();
        await shot(page, 'loading');
        await accessible(page, 'loading');
        const shift = await watchShift(page);
        release();
        await page.getByText('17 points lost').waitFor();
        await page.locator('canvas').nth(3).waitFor();
        console.log(`layout shift from loading to loaded: ${(await shift()).toFixed(3)}`);
      },
    );
  });

  test('empty', async () => {
    await on(
      (mock) => {
        mock.makeFrame = () => ({ ...canned.frame(), load_balancer: noServers, cache: { ...canned.cache, total_requests: 0, hit_rate: 0 } });
        const series = { metadata: { enabled: true, total_points: 0, step_seconds: 5 } };
        mock.answers.set('/metrics', () => ok([], series));
        mock.answers.set('/load-balancer/stats', () => ok(noServers));
        mock.answers.set('/load-balancer/servers', () => ok([]));
        mock.answers.set('/profiler/summary', () => ok({ ...canned.profiler, functions: 0, calls: 0, slowest: [] }));
        mock.answers.set('/database/slow-queries', () => ok([]));
        mock.answers.set('/alerts', () => ok([]));
        mock.answers.set('/recommendations', () => ok({ ...canned.recommendations, recommendations: [], total_count: 0 }));
        mock.answers.set('/status', () => ok({ ...canned.status, causes: [], health_score: 100, status: 'excellent', parts: [], loops: [] }));
      },
      async (page) => {
        for (const words of ['No alert', 'No server', 'No call yet', 'No slow query', 'Nothing to change', 'Nothing runs', 'no request yet']) {
          await page.getByText(words, { exact: true }).first().waitFor();
        }
        await shot(page, 'empty');
        await accessible(page, 'empty');
        await noSideways(page, 'empty');
      },
    );
  });

  test('switched off', async () => {
    await on(
      (mock) => {
        mock.ticking = false;
        const off = { status: 'disabled' };
        const { components } = canned.status;
        mock.answers.set('/metrics', () => ok([], { metadata: { enabled: false, total_points: 0, step_seconds: 5 } }));
        mock.answers.set('/metrics/current', () => ok({ ...canned.current(), enabled: false }));
        mock.answers.set('/cache/stats', () => ok({ ...canned.cache, enabled: false, hit_rate: 0 }));
        mock.answers.set('/load-balancer/stats', () => ok({ ...noServers, enabled: false }));
        mock.answers.set('/profiler/summary', () => ok({ ...canned.profiler, enabled: false, slowest: [] }));
        mock.answers.set('/database/stats', () => ok({ enabled: false, connected: false, last_error: '' }));
        mock.answers.set('/status', () => ok({
          ...canned.status, confidence: 0.6, warnings: ['the audit log cannot be written'],
          components: { ...components, cache: { ...components.cache, ...off }, database: { ...components.database, ...off } },
        }));
      },
      async (page) => {
        await page.getByText('Metrics off').waitFor();
        await page.getByRole('alert').filter({ hasText: 'metrics.enabled: true' }).waitFor();
        for (const words of ['Metrics are switched off', 'The load balancer is switched off', 'The profiler is switched off', 'No database', 'not counted', '60 % of the score rests on enough data.']) {
          await page.getByText(words, { exact: true }).first().waitFor();
        }
        await shot(page, 'switched-off');
        await accessible(page, 'switched off');
        await noSideways(page, 'switched off');
      },
    );
  });

  test('an error stays in its panel, and a second try mends it', async () => {
    await on(
      (mock) => {
        mock.answers.set('/alerts', () => problem(500, 'read alerts went wrong', 'see the log of the server'));
        mock.answers.set('/metrics', () => problem(429, 'too many requests', '', 17));
      },
      async (page, mock) => {
        const alerts = page.getByRole('region', { name: 'Alerts' });
        await alerts.getByText('see the log of the server').waitFor();
        await page.getByText('Wait 17 s before the next try.').waitFor();
        await page.getByText('17 points lost').waitFor(); // the rest works
        await live(page);
        await shot(page, 'error');
        await accessible(page, 'error');
        mock.answers.set('/alerts', () => ok([]));
        await alerts.getByRole('button', { name: 'Try again' }).click();
        await alerts.getByText('No alert').waitFor();
      },
    );
  });

  test('without frames for 5 s figures are stale, and a frame ends that', async () => {
    const mock = new Mock();
    mock.ticking = false;
    const url = await mock.listen();
    const { page, faults } = await openPage(browser.context, url);
    try {
      await page.clock.install();
      await page.goto(url);
      await until(() => mock.streams === 1);
      mock.send('metrics', canned.frame());
      await live(page);
      await page.clock.fastForward(7_000);
      await page.getByText(/^Stale since \d\d:/).waitFor();
      await page.getByRole('alert').filter({ hasText: 'The server sends no figures since' }).waitFor();
      await shot(page, 'stale');
      await accessible(page, 'stale');
      mock.send('metrics', canned.frame());
      await live(page);
      assert.equal(await page.getByRole('alert').count(), 0);
      assert.deepEqual(faults, []);
    } finally {
      await page.close();
      await mock.close();
    }
  });

  test('a cut stream resumes where it was', async () => {
    await on(
      () => {},
      async (page, mock) => {
        await live(page);
        mock.cut();
        await until(() => mock.resumed.length === 2);
        assert.match(mock.resumed[1] ?? '', /^e-\d+$/);
        await live(page);
        mock.streaming = false; // a refusal ends an EventSource: it must be opened anew
        mock.cut();
        await until(() => mock.asked.filter((a) => a === 'GET /events').length > 2);
        mock.streaming = true;
        await until(() => mock.resumed.length === 3);
        assert.match(mock.resumed[2] ?? '', /^e-\d+$/);
      },
    );
  });
});

const noServers = { ...canned.balancer, total_servers: 0, healthy_servers: 0, servers: {}, server_distribution: {} };

/** watchShift starts adding layout shifts up and returns what reads the sum. */
async function watchShift(page: Page): Promise<() => Promise<number>> {
  await page.evaluate(() => {
    const sum = window as unknown as { shift: number };
    sum.shift = 0;
    new PerformanceObserver((list) => {
      for (const e of list.getEntries()) sum.shift += (e as PerformanceEntry & { value: number }).value;
    }).observe({ type: 'layout-shift' });
  });
  return () => page.evaluate(() => (window as unknown as { shift: number }).shift);
}
