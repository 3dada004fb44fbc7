// What all requests together say, with JavaScript and without.
import { expect, test } from '../support/fixtures.ts';

// A server of its own, so that it is known what has finished there.
test.use({
  settings: { STAGEWATCH_SIMULATED_DELAY: '50ms', VSPHERE_NETWORK_TIMEOUT: '4s' },
});

test('whether estimates are true, how long stages take, and why requests fail', async ({
  page,
  server,
}) => {
  await page.goto('/');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Insights' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Insights');
  await expect(page.getByText('Nothing has finished yet')).toBeVisible();

  for (const n of [1, 2, 3]) {
    expect(await server.finished(await server.ask({ name: `vm-${n}` }))).toBe('ready');
  }
  const failed = await server.ask({ name: 'fails', template: 'demo-no-address' });
  expect(await server.finished(failed)).toBe('failed');
  await page.reload();
  const truth = page.getByRole('region', { name: 'Are the estimates true?' });
  await expect(truth).toContainText('10 estimates of the last 3 finished requests');
  await expect(truth.locator('.figure').first()).toContainText(/^The range held\d+ %/);
  const times = page.getByRole('table', { name: /^debian-12 3 runs$/ });
  await expect(times.getByRole('row')).toHaveCount(6);
  const clone = times.getByRole('row', { name: /^Cloning from template/ });
  await expect(clone.getByRole('img')).toHaveAccessibleName(/^Median, oldest to newest: /);
  const reasons = page.getByRole('region', { name: 'Why requests failed' });
  await expect(reasons.getByRole('row')).toHaveText([/^Reason/, /^No address no_addressWait for network1$/]);
});
