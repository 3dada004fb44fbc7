// A past provisioning, event by event, with what was told of the time left at each.
import { isAccessible } from '../support/axe.ts';
import { expect, test } from '../support/fixtures.ts';
import { LABELS } from '../support/request-page.ts';

// A browser itself notes the page that is not there.
test.use({ expectedErrors: [/status of 404/] });

interface History {
  items: { seq: number; type: string }[];
}

test('a finished request shows how long each stage took, beside what is usual', async ({ watched, page, server, vmName, javaScriptEnabled }) => {
  await server.finished(await server.ask({ name: `${vmName}-before` }));
  const id = await server.ask({ name: vmName });
  expect(await server.finished(id)).toBe('ready');
  await watched.open(id);
  const table = page.getByRole('region', { name: 'How long each stage took' }).getByRole('table');
  await expect(table.getByRole('rowheader')).toHaveText(LABELS.slice(0, 5));
  for (const row of await table.locator('tbody tr').all()) {
    await expect(row.locator('.timeline-took')).toHaveText(/ s$/);
    await expect(row.locator('.timeline-usually')).toHaveText(/ s$/);
  }
  const steps = await watched.steps();
  const took = await table.locator('.timeline-took').allInnerTexts();
  for (const [index, text] of took.entries()) expect(steps[index]?.times).toContain(text);
  if (javaScriptEnabled !== false) await isAccessible(page);
});

test('every event can be looked at as it was', async ({ watched, page, server, vmName, javaScriptEnabled }) => {
  const id = await server.ask({ name: vmName });
  expect(await server.finished(id)).toBe('ready');
  await watched.open(id);
  await page.getByRole('link', { name: 'Watch it again' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Replay');
  const { items } = await server.json<History>(`/api/requests/${id}/history`);
  const chapters = page.getByRole('navigation', { name: 'Events' }).getByRole('link');
  await expect(chapters).toHaveCount(items.length);
  await expect(watched.step('CREATED')).toHaveAttribute('data-state', 'active');

  const cloning = items.find((item) => item.type === 'VmProvisioningProgressUpdated')?.seq ?? 0;
  await page.getByRole('navigation', { name: 'Events' }).getByRole('link', { name: 'Cloning from template' }).click();
  await expect(page).toHaveURL(new RegExp(`[?]at=${cloning}$`));
  await expect(watched.step('CREATED')).toHaveAttribute('data-state', 'done');
  await expect(watched.step('CLONING')).toHaveAttribute('data-state', 'active');
  await expect(watched.step('CONFIGURING')).toHaveAttribute('data-state', 'pending');
  await chapters.last().click();
  await expect(watched.answer).toHaveText(/^Ready in /);
  if (javaScriptEnabled !== false) await isAccessible(page);
});

test('the replay of what is not there is a page that says so', async ({ page }) => {
  const response = await page.goto('/requests/01a20533-c719-7263-853a-725524c04e92/replay');
  expect(response?.status()).toBe(404);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Not found');
});
