// The ways in and out, against canned answers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { accessible, type Browser, launch, noSideways, shot, skip } from './browser.ts';
import * as canned from './canned.ts';
import { live, until, visit, type Visit } from './kit.ts';
import { type Mock, ok, problem } from './mock.ts';

describe('login', { skip }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  const on = (prepare: NonNullable<Visit['prepare']>, look: (page: Page, mock: Mock) => Promise<void>, path = '/') =>
    visit(browser, look, { prepare, path });

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
});
