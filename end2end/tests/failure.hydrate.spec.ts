// A failure while a person watches.
import { expect, test } from '../support/fixtures.ts';

// Each stage lasts longer than loading a page does on a busy machine.
test.use({ settings: { STAGEWATCH_SIMULATED_DELAY: '1500ms' } });

test('the page shows the failure and the undo as they come', async ({ watched, page, server, vmName }) => {
  const id = await server.ask({ name: vmName, template: 'demo-fails-configuring' });
  await watched.open(id);
  await watched.reaches('CONFIGURING', 'failed');
  await expect(watched.failure).toBeVisible();
  await expect(page.locator('.chip')).toHaveText('Failed');
  await watched.reaches('CLONING', 'undone');
  await expect(watched.liveness).toHaveText(/^Ended/);
  await expect(page.locator('[data-announcer]')).toHaveText('Failed: Apply configuration');
});

test('a try that failed is repeated, and the page says when', async ({ watched, page, server, vmName }) => {
  const id = await server.ask({ name: vmName, template: 'demo-flaky' });
  await watched.open(id);
  await page.getByText(/Trying again (in .+|now) \(try \d+\)/).waitFor();
  await watched.reaches('READY', 'done');
  await expect(page.locator('.waiting')).toHaveCount(0);
});
