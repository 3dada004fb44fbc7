// A request that has ended is tried again by somebody else: who still looks at it sees that, without a reload.
import { expect, test } from '../support/fixtures.ts';
import { RequestPage } from '../support/request-page.ts';

test.use({ settings: { STAGEWATCH_SIMULATED_DELAY: '4s' } });

test('a retry by a program, and one in another tab, are noticed', async ({ context, page, server, vmName }) => {
  const id = await server.ask({ name: vmName, template: 'demo-fails-configuring' });
  expect(await server.finished(id)).toBe('failed');
  const [rendered, watching] = [page, await context.newPage()];
  for (const tab of [rendered, watching]) {
    await tab.goto(`/requests/${id}`);
    await expect(new RequestPage(tab).liveness).toHaveText(/^Ended/);
    await tab.evaluate(() => Object.assign(window, { isTheSame: true }));
  }

  // By a program: each tab goes on when somebody looks at it, live to the next end.
  expect((await fetch(`${server.origin}/api/requests/${id}/retry`, { method: 'POST' })).status).toBe(202);
  for (const tab of [rendered, watching]) {
    await tab.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })));
    await expect(tab.locator('.request')).toHaveAttribute('data-status', /^(queued|provisioning|undoing)$/);
  }
  await new RequestPage(rendered).isLive();
  for (const tab of [rendered, watching]) {
    await expect(tab.locator('.attempt-name')).toHaveText(['Attempt 1: Failed']);
    await expect(new RequestPage(tab).liveness).toHaveText(/^Ended/);
    await expect(tab.locator('.chip')).toHaveText('Failed');
  }

  // By a button in one tab: the other one, which has ended for the second time, asks now and then.
  await rendered.getByRole('button', { name: 'Try again' }).click();
  await expect(watching.locator('.attempt-name')).toHaveText(['Attempt 1: Failed', 'Attempt 2: Failed']);
  await expect(new RequestPage(watching).liveness).toHaveText(/^Ended/, { timeout: 40_000 });
  expect(await watching.evaluate(() => 'isTheSame' in window), 'it was never loaded again').toBe(true);
});
