// A person cancels, and has it tried again: by buttons that work without JavaScript.
import { isAccessible } from '../support/axe.ts';
import { expect, test } from '../support/fixtures.ts';

// A request runs longer than a person takes to cancel it, also on a busy machine.
test.use({ settings: { STAGEWATCH_SIMULATED_DELAY: '2s' } });

test('cancel a request that runs', async ({ watched, page, server, vmName, javaScriptEnabled }) => {
  const id = await server.ask({ name: vmName, template: 'demo-slow-clone' });
  await watched.open(id);
  await watched.cancel();
  expect(await server.finished(id)).toBe('cancelled');
  await watched.open(id);
  await expect(page.locator('.chip')).toHaveText('Cancelled');
  await expect(watched.answer).toHaveText(/^Cancelled/);
  await expect(page.locator('.eta-note')).toHaveText('Nothing was left behind.');
  await expect(page.getByRole('button', { name: 'Cancel the request' })).toHaveCount(0);
  expect((await watched.steps()).slice(2).map((step) => step.word)).toEqual([
    '(skipped)', '(skipped)', '(skipped)', '(skipped)',
  ]);
  if (javaScriptEnabled !== false) await isAccessible(page);
  // The list knows the status, and can be asked for it.
  await page.goto('/');
  await page.getByLabel('Status').selectOption('Cancelled');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(page.locator('.row').filter({ hasText: vmName })).toContainText('Cancelled');
  await page.goto(`/requests/${id}/history`);
  await expect(page.getByText('A person cancelled it')).toBeVisible();
});

test('nothing is cancelled without a yes', async ({ watched, page, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  await watched.open(id);
  await expect(page.getByRole('button', { name: 'Cancel the request' })).toBeHidden();
  expect(await server.finished(id)).toBe('ready');
  await watched.open(id);
  await expect(page.getByRole('group', { name: 'Actions' })).toHaveCount(0);
});

test('a question stays open, also where the page loads itself again', async ({ watched, page, server, vmName, javaScriptEnabled }) => {
  const id = await server.ask({ name: vmName, template: 'demo-slow-clone' });
  await watched.open(id);
  const reloads = page.locator('meta[http-equiv="refresh"]');
  await expect(reloads).toHaveCount(javaScriptEnabled === false ? 1 : 0);
  await watched.toQuestion.click();
  await expect(page.getByRole('button', { name: 'Cancel the request' })).toBeVisible();
  await expect(reloads).toHaveCount(0);
  await watched.cancel();
  expect(await server.finished(id)).toBe('cancelled');
});

test('try again what was cancelled', async ({ watched, page, server, vmName, javaScriptEnabled }) => {
  const id = await server.ask({ name: vmName });
  await watched.open(id);
  await watched.cancel();
  expect(await server.finished(id)).toBe('cancelled');
  await watched.open(id);
  await watched.tryAgain();
  await expect(page).toHaveURL(new RegExp(`/requests/${id}$`));
  expect(await server.finished(id)).toBe('ready');
  await watched.open(id);
  await expect(page.locator('.chip')).toHaveText('Ready');
  const earlier = page.getByRole('region', { name: 'Earlier attempts' });
  await expect(earlier).toContainText('Attempt 1: Cancelled');
  const lane = earlier.getByRole('list', { name: 'Stages of attempt 1' });
  await expect(lane.getByRole('listitem')).toHaveCount(6);
  await expect(lane.locator('[data-state="skipped"]').last()).toContainText('Ready');
  if (javaScriptEnabled !== false) await isAccessible(page);
});

test('try again what failed keeps the reason of the first attempt', async ({ watched, page, server, vmName }) => {
  const id = await server.ask({ name: vmName, template: 'demo-fails-configuring' });
  expect(await server.finished(id)).toBe('failed');
  await watched.open(id);
  const reason = (await watched.failure.locator('.failure-reason').textContent()) ?? '?';
  await watched.tryAgain();
  expect(await server.finished(id)).toBe('failed');
  await watched.open(id);
  const earlier = page.getByRole('region', { name: 'Earlier attempts' });
  await expect(earlier).toContainText(reason);
  await expect(earlier.locator('[data-state="failed"]')).toContainText('Apply configuration');
  await expect(earlier.locator('[data-state="undone"]')).toContainText('Cloning from template');
});

test.describe('a refusal', () => {
  test.use({ expectedErrors: [/status of 422/] });

  test('a name that is taken meanwhile can be changed', async ({ watched, page, server, vmName }) => {
    const first = await server.ask({ name: vmName, template: 'demo-fails-configuring' });
    expect(await server.finished(first)).toBe('failed');
    const second = await server.ask({ name: vmName });
    expect(await server.finished(second)).toBe('ready');
    await watched.open(first);
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect(page.getByLabel('Name', { exact: true })).toHaveValue(vmName);
    await expect(page.getByText(/this name is taken|is taken/).first()).toBeVisible();
  });
});
