// Every state of the page, against canned answers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { accessible, type Browser, launch, noSideways, openPage, shot, skip } from './browser.ts';
import * as canned from './canned.ts';
import { Mock, ok, problem } from './mock.ts';

describe('states', { skip }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  /** on opens a page on a mock that the test may bend first, and fails on any fault. */
  async function on(prepare: (mock: Mock) => void, look: (page: Page, mock: Mock, url: string) => Promise<void>, path = '/') {
    const mock = new Mock();
    prepare(mock);
    const url = await mock.listen();
    const { page, faults } = await openPage(browser.context, url);
    try {
      await page.goto(url + path);
      await look(page, mock, url);
      assert.deepEqual(faults, []);
    } finally {
      await page.close();
      await mock.close();
    }
  }

  const live = (page: Page) => page.getByRole('status').filter({ hasText: /^Live$/ }).waitFor();

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

  test('a login that is over leads to the login page', async () => {
    await on(
      () => {},
      async (page, mock) => {
        await live(page);
        mock.loggedIn = false;
        mock.cut();
        await page.getByText('The login is over.').waitFor();
        await until(() => mock.streams === 0);
        await shot(page, 'login-over');
        await accessible(page, 'login');
        await noSideways(page, 'login');
      },
    );
  });

  test('login and logout by keyboard', async () => {
    await on(
      (mock) => {
        mock.loggedIn = false;
      },
      async (page, mock) => {
        await page.getByLabel('Access token').waitFor();
        await page.keyboard.type('wrong'); // the field has the focus
        await page.keyboard.press('Enter');
        await page.getByRole('alert').filter({ hasText: 'This token is not in force' }).waitFor();
        await shot(page, 'login-wrong');
        await accessible(page, 'login refused');
        await page.keyboard.type('right');
        await page.keyboard.press('Enter');
        await live(page);
        await page.getByRole('button', { name: 'Log out' }).focus();
        await page.keyboard.press('Enter');
        await page.getByText('You are logged out.').waitFor();
        assert.equal(mock.loggedIn, false);
      },
    );
  });

  test('too many wrong tokens: the wait is shown', async () => {
    await on(
      (mock) => {
        mock.loggedIn = false;
        mock.answers.set('POST /session', () => problem(429, 'too many wrong tokens from this address', 'wait', 42));
      },
      async (page) => {
        await page.getByLabel('Access token').fill('wrong');
        await page.keyboard.press('Enter');
        const button = page.getByRole('button', { name: /^Try again in (42|41|40) s$/ });
        await button.waitFor();
        assert.equal(await button.isDisabled(), true);
        await accessible(page, 'login 429');
      },
    );
  });

  test('a login link logs in and leaves no token in the address', async () => {
    await on(
      (mock) => {
        mock.loggedIn = false;
      },
      async (page) => {
        await live(page);
        assert.equal(await page.evaluate(() => location.href.includes('right')), false);
        await page.goBack(); // to the empty page before: nothing of the token between
        assert.equal(page.url(), 'about:blank');
      },
      '/#token=right',
    );
  });

  test('no server at all', async () => {
    await on(
      (mock) => {
        mock.answers.set('/session', () => problem(502, 'Bad gateway'));
      },
      async (page, mock) => {
        await page.getByText('Bad gateway').waitFor();
        await accessible(page, 'no server');
        mock.answers.set('/session', () => ok(canned.identity));
        await page.getByRole('button', { name: 'Try again' }).click();
        await live(page);
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

const noServers = { ...canned.balancer, total_servers: 0, healthy_servers: 0, servers: {}, server_distribution: {} };

/** until waits for what happens on the mock's side. */
async function until(done: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!done()) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${done}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}

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
