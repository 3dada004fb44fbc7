// PostgreSQL is not there: the page says so.
import { expect, test } from '../support/fixtures.ts';

test.use({
  settings: { DATABASE_URL: 'postgres://stagewatch@127.0.0.1:1/stagewatch' },
  expectedErrors: [/status of 503/],
});

for (const address of ['/', '/requests/019ab000-0000-7000-8000-000000000001']) {
  test(`${address} is a 503 that says to try again`, async ({ page }) => {
    const response = await page.goto(address);
    expect(response?.status()).toBe(503);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Not available just now');
    const again = page.waitForResponse((other) => other.url() === response?.url());
    await page.getByRole('link', { name: 'Try again' }).click();
    expect((await again).status()).toBe(503);
  });
}
