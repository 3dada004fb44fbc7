// After a request has ended: how to go to the VM, or what to hand to support.
import { expect, test } from '../support/fixtures.ts';

test.use({ settings: { STAGEWATCH_SSH_USER: 'ops', VSPHERE_NETWORK_TIMEOUT: '4s' } });

test('a finished VM has its ssh line', async ({ page, watched, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  expect(await server.finished(id)).toBe('ready');
  await watched.open(id);
  const { vm } = await server.json<{ vm: { ipAddress: string } }>(`/api/requests/${id}`);
  const machine = page.getByRole('region', { name: 'The VM' });
  await expect(machine.locator('.ssh')).toHaveText(`ssh ops@${vm.ipAddress}`);
  await expect(machine.getByRole('link')).toHaveCount(0);
});

test('a failed request has a report for support', async ({ page, watched, server, vmName }) => {
  const id = await server.ask({ name: vmName, template: 'demo-no-address' });
  expect(await server.finished(id)).toBe('failed');
  await watched.open(id);
  await watched.failure.getByRole('link', { name: 'Report for support' }).click();
  await expect(page.locator('body')).toContainText(`Request         ${id}`);
  await expect(page.locator('body')).toContainText('Code            no_address');
});
