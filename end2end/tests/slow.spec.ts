// It takes longer than usual.
import { expect, test } from '../support/fixtures.ts';

test.use({ settings: { STAGEWATCH_SLOW_AFTER: '3s', STAGEWATCH_SIMULATED_DELAY: '2s' } });

test('the warning is on the page while it lasts, and gone at the end', async ({
  watched,
  server,
  vmName,
}, info) => {
  const id = await server.ask({ name: vmName, template: 'demo-slow-clone' });
  const hasJavaScript = info.project.use.javaScriptEnabled !== false;
  // That it is not there before the limit is tested at the server: a page may take longer to open.
  await watched.open(id);
  // Without JavaScript the page loads itself again every 5 s.
  await expect(watched.slow).toBeVisible({ timeout: 20_000 });
  await expect(watched.slow.locator('xpath=ancestor::*[@role="status"]')).toHaveCount(1);
  const { slow, message } = await server.json<{ slow: boolean; message: string }>(
    `/api/requests/${id}/provisioning-progress`,
  );
  expect([slow, message]).toEqual([true, 'Provisioning is taking longer than usual...']);
  await server.finished(id);
  if (!hasJavaScript) await watched.open(id);
  await expect(watched.slow).toBeHidden();
});
