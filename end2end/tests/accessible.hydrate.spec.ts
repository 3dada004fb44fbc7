// The states that a colour goes with say the same in words, and are legible in light and dark.
// (axe is a script, so it runs with JavaScript; what it reads is the same HTML.)
import { isAccessible } from '../support/axe.ts';
import { expect, test } from '../support/fixtures.ts';

test.use({
  expectedErrors: [/status of 422/],
  settings: { STAGEWATCH_SLOW_AFTER: '2s', VSPHERE_NETWORK_TIMEOUT: '4s' },
});

test('every page', async ({ page, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  await server.finished(id);
  for (const address of [
    '/',
    '/requests/new',
    '/insights',
    `/requests/${id}`,
    `/requests/${id}/history`,
  ]) {
    await page.goto(address);
    await isAccessible(page);
  }
});

test('a form with errors', async ({ page }) => {
  await page.goto('/requests/new?name=Not_A_Name&cpus=x&memoryMib=y&ipAddress=z&tried=true');
  await isAccessible(page);
});

test('a failed request', async ({ page, server, vmName }) => {
  const id = await server.ask({ name: vmName, template: 'demo-no-address' });
  expect(await server.finished(id)).toBe('failed');
  await page.goto(`/requests/${id}`);
  await isAccessible(page);
  await page.goto('/');
  await isAccessible(page);
});

test('a request that runs, and runs slowly', async ({ watched, page, server, vmName }) => {
  await watched.open(await server.ask({ name: vmName, template: 'demo-slow-clone' }));
  await watched.isLive();
  await expect(watched.slow).toBeVisible();
  await isAccessible(page);
});
