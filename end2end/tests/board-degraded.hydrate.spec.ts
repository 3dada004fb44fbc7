// PostgreSQL goes away under the list of requests: it says so, and goes on when it is back.
import { isAccessible } from '../support/axe.ts';
import { BoardPage } from '../support/board-page.ts';
import { expect, test } from '../support/fixtures.ts';

// A browser itself notes in its console what was answered with 503, or not at all.
test.use({ expectedErrors: [/status of 503/, /net::ERR_/] });

test('the list says that the database is away, and is live when it is back', async ({
  page,
  server,
  vmName,
}) => {
  const board = new BoardPage(page);
  await page.setViewportSize({ width: 320, height: 640 });
  const id = await server.askToStay(vmName);
  await board.open(`?q=${vmName}`);
  await board.isLive();
  try {
    await server.stopDatabase();
    await expect(board.liveness).toHaveText(/^Connected, but PostgreSQL is not answering/, {
      timeout: 30_000,
    });
    await expect(page.locator('.liveness[data-degraded]')).toBeVisible();
    await expect(board.doing(vmName), 'what is known stays').toHaveText(/^Wait for network/);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
    await isAccessible(page);
  } finally {
    await server.resumeDatabase();
  }
  await expect(board.liveness).toHaveText(/^Live, \d+ s ago$/, { timeout: 30_000 });
  await server.cancel(id);
  await expect(board.doing(vmName)).toHaveText('Cancelled');
});
