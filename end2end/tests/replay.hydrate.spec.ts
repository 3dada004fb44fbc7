// The scrubber of a past provisioning: by mouse, by keyboard, by itself.
import { expect, test } from '../support/fixtures.ts';

test('the scrubber goes through every state, forwards and back', async ({ page, watched, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  expect(await server.finished(id)).toBe('ready');
  await page.goto(`/requests/${id}/replay`);
  const place = page.getByRole('slider', { name: 'Moment' });
  await expect(place).toBeVisible();
  await expect(place).toHaveAttribute('aria-valuetext', /event 1 of \d+ · /);
  await place.focus();
  await page.keyboard.press('End');
  await expect(watched.step('READY')).toHaveAttribute('data-state', 'done');
  await expect(watched.answer).toHaveText(/^Ready in /);
  await page.keyboard.press('Home');
  await expect(watched.step('CREATED')).toHaveAttribute('data-state', 'active');
  await expect(watched.step('READY')).toHaveAttribute('data-state', 'pending');

  const next = page.getByRole('button', { name: 'Next event' });
  const states: string[] = [];
  const count = await page.getByRole('navigation', { name: 'Events' }).getByRole('link').count();
  for (let n = 1; n < count; n += 1) {
    await next.click();
    states.push((await watched.steps()).map((step) => step.state).join(' '));
  }
  const active = states.map((line) => line.split(' ').indexOf('active')).filter((index) => index >= 0);
  expect(active).toEqual([...active].sort());
  expect(active).toEqual(expect.arrayContaining([1, 2, 3, 4]));
  await page.getByRole('button', { name: 'Previous event' }).click();
  await expect(watched.step('WAITING_FOR_NETWORK')).toHaveAttribute('data-state', 'active');
});

test('it plays by itself, as fast as is wanted, and stops at the end', async ({ page, watched, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  expect(await server.finished(id)).toBe('ready');
  await page.goto(`/requests/${id}/replay`);
  await page.getByRole('button', { name: '×60' }).click();
  await expect(page.getByRole('button', { name: '×60' })).toHaveAttribute('aria-pressed', 'true');
  await page.getByRole('button', { name: 'Play' }).click();
  await watched.reaches('READY', 'done');
  await expect(page.getByRole('button', { name: 'Play' })).toBeVisible();
  // Once more from the beginning.
  await page.getByRole('button', { name: 'Play' }).click();
  await watched.reaches('READY', 'done');
});
