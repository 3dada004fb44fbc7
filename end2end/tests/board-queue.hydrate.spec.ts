// What no event of a row says: how many are before it, and everything where a stream cannot be had.
import { isAccessible } from '../support/axe.ts';
import { BoardPage } from '../support/board-page.ts';
import { expect, test } from '../support/fixtures.ts';

// A browser itself notes in its console that it could not connect.
test.use({ expectedErrors: [/net::ERR_/] });
// One at a time, so that all others wait.
test.use({ settings: { STAGEWATCH_WORKERS: '1' } });

test('a row that waits says how many are before it, and counts down as the queue moves', async ({
  page,
  server,
  vmName,
}) => {
  const board = new BoardPage(page);
  const first = await server.askToStay(`${vmName}-first`);
  const second = await server.ask({ name: `${vmName}-second`, template: 'demo-no-address' });
  await server.ask({ name: `${vmName}-third` });
  await server.ask({ name: `${vmName}-fourth` });
  await board.open(`?q=${vmName}`);
  await board.isLive();
  await page.evaluate(() => Object.assign(window, { sameDocument: true }));
  await expect(board.doing(`${vmName}-second`)).toHaveText('Queued');
  await expect(board.doing(`${vmName}-third`)).toHaveText('Queued, 1 ahead');
  await expect(board.doing(`${vmName}-fourth`)).toHaveText('Queued, 2 ahead');

  // One that comes while the page is open has no place yet by its event.
  await server.ask({ name: `${vmName}-fifth` });
  await expect(board.doing(`${vmName}-fifth`)).toHaveText('Queued, 3 ahead');

  await server.cancel(first);
  // The whole undo of the first, and four stages of the second.
  await expect(board.doing(`${vmName}-second`)).toHaveText('Wait for network', { timeout: 45_000 });
  await expect(board.doing(`${vmName}-third`)).toHaveText('Queued');
  await expect(board.doing(`${vmName}-fourth`)).toHaveText('Queued, 1 ahead');
  await expect(board.doing(`${vmName}-fifth`)).toHaveText('Queued, 2 ahead');
  expect(await page.evaluate(() => 'sameDocument' in window)).toBe(true);

  await page.setViewportSize({ width: 320, height: 640 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
  await isAccessible(page);
  await server.cancel(second);
  await expect(board.doing(`${vmName}-fifth`)).toHaveText(/^Ready, /, { timeout: 45_000 });
});

test('the page of a request that waits counts down too', async ({ page, watched, server, vmName }) => {
  const first = await server.askToStay(`${vmName}-first`);
  const second = await server.ask({ name: `${vmName}-second`, template: 'demo-no-address' });
  await watched.open(await server.ask({ name: `${vmName}-third` }));
  await watched.isLive();
  await expect(watched.answer).toHaveText('Queued, 1 ahead of you');
  await server.cancel(first);
  await expect(watched.answer).not.toHaveText(/ahead/, { timeout: 45_000 });
  await server.cancel(second);
  await expect(page.locator('.chip')).toHaveText('Ready', { timeout: 45_000 });
});

test('where a stream cannot be had all rows that are shown are asked for, not only the newest', async ({
  page,
  server,
  vmName,
}) => {
  await page.route('**/api/requests/events?*', (route) => route.abort());
  const board = new BoardPage(page);
  const oldest = await server.askToStay(`${vmName}-oldest`);
  for (let number = 0; number < 55; number += 1) {
    await server.ask({ name: `${vmName}-${number}`, template: 'demo-no-address' });
  }
  await board.open(`?q=${vmName}`);
  await page.getByRole('button', { name: 'Show more' }).click();
  await expect(board.rows).toHaveCount(56);
  await expect(board.liveness).toHaveText(/^Checking every 3 s/);
  await expect(board.doing(`${vmName}-oldest`)).toHaveText('Wait for network');
  await server.cancel(oldest);
  await expect(board.doing(`${vmName}-oldest`)).toHaveText('Cancelled');
  await expect(board.doing(`${vmName}-0`)).toHaveText('Wait for network');
  await expect(board.doing(`${vmName}-2`)).toHaveText('Queued, 1 ahead');
});
