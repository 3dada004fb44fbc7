// A cancellation while a person watches.
import { expect, test } from '../support/fixtures.ts';

// Each stage lasts longer than loading a page does on a busy machine.
test.use({ settings: { STAGEWATCH_SIMULATED_DELAY: '1500ms' } });

test('the page shows the undo as it comes, and then another attempt', async ({ watched, page, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  await watched.open(id);
  await watched.isLive();
  await watched.reaches('CLONING', 'done');
  await watched.cancel();
  await watched.reaches('CLONING', 'undone');
  await expect(page.getByRole('list', { name: 'Undone' })).toContainText('delete VM');
  await expect(page.locator('.chip')).toHaveText('Cancelled');
  await expect(watched.liveness).toHaveText(/^Ended/);

  await watched.tryAgain();
  await expect(page.getByRole('region', { name: 'Earlier attempts' })).toContainText('Attempt 1: Cancelled');
  await watched.reaches('READY', 'done');
  await expect(watched.address).not.toBeEmpty();
});

test('a question stays open while the request goes on', async ({ watched, page, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  await watched.open(id);
  await watched.isLive();
  await page.locator('summary', { hasText: 'Cancel' }).click();
  const yes = page.getByRole('button', { name: 'Cancel the request' });
  await expect(yes).toBeVisible();
  await watched.reaches('POWERING_ON', 'active');
  await expect(yes).toBeVisible();
  await watched.reaches('READY', 'done');
  await expect(yes).toHaveCount(0);
});
