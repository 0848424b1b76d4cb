// What the tests against canned answers have in common.
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { type Browser, openPage } from './browser.ts';
import { Mock } from './mock.ts';

export interface Visit {
  /** Bends the mock before the page is opened. */
  prepare?: (mock: Mock) => void;
  path?: string;
}

/** visit opens a page on a mock and fails on any fault of the page. */
export async function visit(browser: Browser, look: (page: Page, mock: Mock) => Promise<void>, how: Visit = {}): Promise<void> {
  const mock = new Mock();
  how.prepare?.(mock);
  const url = await mock.listen();
  const { page, faults } = await openPage(browser.context, url);
  try {
    await page.goto(url + (how.path ?? '/'));
    await look(page, mock);
    assert.deepEqual(faults, []);
  } finally {
    await page.close();
    await mock.close();
  }
}

/** live waits for the first frame. */
export async function live(page: Page): Promise<void> {
  await page.getByRole('status').filter({ hasText: /^Live$/ }).waitFor();
}

/** until waits for what happens on the mock's side. */
export async function until(done: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!done()) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${done}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}
