// The server dies in the middle and comes back: the page goes on by itself, with nothing lost.
import { expect, test } from '../support/fixtures.ts';

test.use({
  // A browser itself notes in its console that it could not connect.
  expectedErrors: [/net::ERR_/],
  // A short lease, so that the work is taken up again soon.
  settings: { STAGEWATCH_SIMULATED_DELAY: '3s', STAGEWATCH_LEASE: '3s' },
});

test('a server that was killed is followed by the next one', async ({ page, watched, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  await watched.open(id);
  await watched.isLive();
  await watched.reaches('CONFIGURING', 'active');
  await page.evaluate(() => Object.assign(window, { sameDocument: true }));
  const before = (await watched.steps()).filter((step) => step.state === 'done');
  const crashed = server.crash();
  await page.locator('[data-link="reconnecting"]').waitFor();
  await crashed;
  await watched.isLive();
  // By the time the page is back the next stage may have begun: what happened is still told.
  const interruption = page.getByRole('list', { name: 'Interruptions' }).getByRole('listitem');
  await expect(interruption).toHaveText(/The service restarted, resumed at (Apply configuration|Start VM)/);
  await watched.reaches('READY', 'done');
  const after = await watched.steps();
  for (const step of before) {
    expect(after.find((other) => other.stage === step.stage)).toEqual(step);
  }
  await expect(watched.address).not.toBeEmpty();
  await expect(interruption).toBeVisible();
  const isSame = await page.evaluate(() => 'sameDocument' in window);
  expect(isSame, 'the page was not loaded again').toBe(true);
  await page.goto(`/requests/${id}/history`);
  await expect(page.getByText(/^The service restarted, resumed at (Apply configuration|Start VM)/)).toBeVisible();
});
