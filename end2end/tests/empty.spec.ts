// The first page that a person sees.
import { expect, test } from '../support/fixtures.ts';

// A server of its own: nothing has been asked for there.
test.use({ settings: { STAGEWATCH_SLOW_AFTER: '9m' } });

test('an empty list invites to ask', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 2 })).toHaveText('Nothing asked for yet');
  await page.getByRole('link', { name: 'Ask for the first one' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('New request');
});
