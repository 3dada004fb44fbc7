// What JavaScript adds to the form.
import { expect, test } from '../support/fixtures.ts';

test('two quick clicks make one VM', async ({ page, newRequest, server, vmName }) => {
  await newRequest.open();
  await newRequest.name.fill(vmName);
  // Both clicks in one task: no answer of the server comes in between.
  await newRequest.submit.evaluate((button: HTMLButtonElement) => {
    button.click();
    button.click();
  });
  await page.waitForURL(/\/requests\/[0-9a-f-]{36}$/);
  const list = await server.json<{ items: unknown[] }>(`/api/requests?q=${vmName}`);
  expect(list.items).toHaveLength(1);
});

test('the size follows the template until another one is typed', async ({ newRequest, page }) => {
  await newRequest.open();
  await expect(async () => {
    await newRequest.template('debian-12').check();
    await newRequest.template('windows-2022').check();
    await expect(newRequest.cpus).toHaveValue('4', { timeout: 500 });
  }).toPass();
  await expect(newRequest.memory).toHaveValue('8192');
  await expect(page.locator('#memoryMib-hint')).toHaveText(/^8 GiB · /);
  await newRequest.cpus.fill('3');
  await newRequest.template('rocky-9').check();
  await expect(newRequest.cpus).toHaveValue('3');
  await expect(newRequest.memory).toHaveValue('8192');
});

test('the button waits for the answer', async ({ page, newRequest, vmName }) => {
  await newRequest.open();
  await newRequest.name.fill(vmName);
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    void page.route('**/requests', async (route) => {
      resolve();
      await new Promise<void>((go) => (answer = go));
      await route.continue();
    });
  });
  await newRequest.submit.click({ noWaitAfter: true });
  await asked;
  await expect(page.getByRole('button', { name: 'Asking...' })).toBeDisabled();
  answer();
  await page.waitForURL(/\/requests\/[0-9a-f-]{36}$/);
});
