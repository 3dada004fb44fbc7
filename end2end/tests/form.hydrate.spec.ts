// What JavaScript adds to the form.
import { expect, test } from '../support/fixtures.ts';

test('two quick clicks make one VM', async ({ page, newRequest, server, vmName }) => {
  await newRequest.open();
  await newRequest.isHydrated();
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
  await newRequest.isHydrated();
  await newRequest.template('windows-2022').check();
  await expect(newRequest.cpus).toHaveValue('4');
  await expect(newRequest.memory).toHaveValue('8192');
  await expect(page.locator('#memoryMib-hint')).toHaveText(/^8 GiB · /);
  await newRequest.cpus.fill('3');
  await newRequest.template('rocky-9').check();
  await expect(newRequest.cpus).toHaveValue('3');
  await expect(newRequest.memory).toHaveValue('8192');
});

test('the button waits for the answer', async ({ page, newRequest, vmName }) => {
  await newRequest.open();
  await newRequest.isHydrated();
  await newRequest.name.fill(vmName);
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    void page.route('**/requests', async (route) => {
      resolve();
      await new Promise<void>((go) => (answer = go));
      await route.continue();
    });
  });
  // All in the page: Playwright itself would wait for the navigation that is held up here.
  const after = await newRequest.submit.evaluate(async (button: HTMLButtonElement) => {
    button.click();
    await new Promise((resolve) => setTimeout(resolve));
    return { isDisabled: button.disabled, text: button.textContent };
  });
  expect(after).toEqual({ isDisabled: true, text: 'Asking...' });
  await asked;
  answer();
  await page.waitForURL(/\/requests\/[0-9a-f-]{36}$/);
});

test('what was typed before the page was hydrated stays', async ({ page, newRequest, vmName }) => {
  let load = () => {};
  const held = new Promise<void>((go) => (load = go));
  await page.route('**/*.wasm', async (route) => {
    await held;
    await route.continue();
  });
  await newRequest.open();
  await newRequest.name.fill(vmName);
  await newRequest.memory.fill('2048');
  await newRequest.template('rocky-9').check();
  load();
  await newRequest.isHydrated();
  await expect(newRequest.name).toHaveValue(vmName);
  await expect(newRequest.memory).toHaveValue('2048');
  await expect(newRequest.template('rocky-9')).toBeChecked();
  await expect(page.locator('#memoryMib-hint')).toHaveText(/^2 GiB · /);
});
