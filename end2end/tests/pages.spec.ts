// Every page, with JavaScript and without: its data, its status, its width.
import type { Page } from '@playwright/test';
import { expect, test } from '../support/fixtures.ts';

/** Nothing is wider than the window. */
async function fits(page: Page): Promise<void> {
  const [wide, window] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  expect(wide, page.url()).toBeLessThanOrEqual(window ?? 0);
}

test('a request shows what the server knows', async ({ watched, page, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  expect(await server.finished(id)).toBe('ready');
  await watched.open(id);
  const { vm } = await server.json<{ vm: { ipAddress: string } }>(`/api/requests/${id}`);
  const progress = await server.json<{ stages: { stage: string; completedAt: string }[] }>(
    `/api/requests/${id}/provisioning-progress`,
  );
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(vmName);
  await expect(watched.address).toHaveText(vm.ipAddress);
  const steps = await watched.steps();
  expect(steps.map((step) => step.state)).toEqual(steps.map(() => 'done'));
  expect(steps.map((step) => step.completedAt)).toEqual(
    progress.stages.map((stage) => stage.completedAt),
  );
  await expect(page).toHaveTitle(`Ready · ${vmName} · Stagewatch`);
});

test('the history tells every event', async ({ page, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  await server.finished(id);
  const history = await server.json<{ items: { seq: number; type: string }[] }>(
    `/api/requests/${id}/history`,
  );
  await page.goto(`/requests/${id}`);
  await page.getByRole('link', { name: 'History' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('History');
  await expect(page.locator('tbody th')).toHaveText(history.items.map((item) => `${item.seq}`));
  await expect(page.locator('tbody code')).toHaveText(history.items.map((item) => item.type));
});

test('the list shows newest first and can be searched', async ({ page, server, vmName }) => {
  const [older, newer] = [`${vmName}-older`, `${vmName}-newer`];
  const id = await server.ask({ name: older });
  await server.finished(id);
  await server.ask({ name: newer });
  await page.goto('/');
  const names = await page.locator('.row-name').allInnerTexts();
  expect(names.indexOf(newer)).toBeLessThan(names.indexOf(older));

  await page.getByLabel('Name').fill(`${vmName}-old`);
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(page.locator('.row-name')).toHaveText([older]);
  const { vm } = await server.json<{ vm: { ipAddress: string } }>(`/api/requests/${id}`);
  await expect(page.locator('.row-doing')).toHaveText(`Ready, ${vm.ipAddress}`);
  await page.getByLabel('Status').selectOption('Failed');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(page.getByText('No requests match.')).toBeVisible();
  await page.getByRole('link', { name: 'Show all' }).click();
  await expect(page.locator('.row-name').first()).toHaveText(newer);
});

test('no page is wider than a small telephone', async ({ page, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  for (const address of ['/', '/requests/new', `/requests/${id}`, `/requests/${id}/history`]) {
    for (const width of [1280, 320]) {
      await page.setViewportSize({ width, height: 720 });
      await page.goto(address);
      await fits(page);
    }
  }
});

test('the simulated vCenter is called what it is', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('banner')).toContainText(/simulated vCenter/i);
});

test.describe('a page that is not there', () => {
  test.use({ expectedErrors: [/status of (404|422)/] });

  for (const [what, address] of [
    ['an unknown address', '/no/such/page'],
    ['an unknown request', '/requests/019ab000-0000-7000-8000-000000000001'],
    ['no id at all', '/requests/nonsense'],
    ['the history of an unknown request', '/requests/019ab000-0000-7000-8000-000000000001/history'],
  ]) {
    test(`${what} is a 404 with a way on`, async ({ page }) => {
      const response = await page.goto(address ?? '');
      expect(response?.status()).toBe(404);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText(/not found/i);
      await page.getByRole('link', { name: 'All requests' }).click();
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Requests');
    });
  }

  test('a status that does not exist is a 422', async ({ page }) => {
    const response = await page.goto('/?status=sleepy');
    expect(response?.status()).toBe(422);
    await expect(page.getByText('There is no status called “sleepy”.')).toBeVisible();
  });
});
