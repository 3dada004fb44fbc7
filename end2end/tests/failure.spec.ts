// What a person is told when it fails: what happened, what was undone, what to do next.
import { expect, test } from '../support/fixtures.ts';

test('a refused configuration', async ({ watched, page, server, vmName }) => {
  const id = await server.ask({ name: vmName, template: 'demo-fails-configuring' });
  expect(await server.finished(id)).toBe('failed');
  await watched.open(id);
  const steps = await watched.steps();
  expect(steps.map((step) => step.state)).toEqual([
    'done', 'undone', 'failed', 'skipped', 'skipped', 'skipped',
  ]);
  expect(steps.map((step) => step.word)).toEqual([
    '(done)', '(undone)', '(failed)', '(skipped)', '(skipped)', '(skipped)',
  ]);
  const { failure } = await server.json<{ failure: { reason: string } }>(
    `/api/requests/${id}/provisioning-progress`,
  );
  await expect(watched.failure.locator('.failure-reason')).toHaveText(failure.reason);
  await expect(watched.failure.locator('.failure-undone')).toHaveText('Nothing was left behind.');
  await expect(watched.failure.locator('.failure-advice')).not.toBeEmpty();
  await expect(page.getByRole('list', { name: 'Undone' })).toContainText('delete VM');

  // Asking again begins with what was asked for.
  await watched.failure.getByRole('link', { name: 'Ask again' }).click();
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue(vmName);
  await expect(page.getByRole('radio', { name: 'demo-fails-configuring' })).toBeChecked();
});

test('no address', async ({ watched, page, server, vmName }) => {
  const id = await server.ask({ name: vmName, template: 'demo-no-address' });
  expect(await server.finished(id)).toBe('failed');
  await watched.open(id);
  await expect(watched.answer).toHaveText('The VM got no address');
  await expect(watched.failure).toHaveAttribute('data-code', 'no_address');
  await expect(watched.failure).toContainText('DHCP');
  expect((await watched.steps()).map((step) => step.state)).toEqual([
    'done', 'undone', 'undone', 'undone', 'failed', 'skipped',
  ]);
  await expect(page).toHaveTitle(`Failed · ${vmName} · Stagewatch`);
  await page.goto(`/?q=${vmName}`);
  await expect(page.locator('.row-doing')).toHaveText('Failed: no address');
});

// The simulated guest never gets an address: a short deadline makes it fail soon.
test.use({ settings: { VSPHERE_NETWORK_TIMEOUT: '4s' } });
