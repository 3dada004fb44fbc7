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

test.describe('in German', () => {
  test.use({ locale: 'de-DE' });

  test('what was typed into the form is kept, and the form says why nothing came of it', async ({ page }) => {
    await page.goto('/requests/new');
    await page.getByLabel('Name', { exact: true }).fill('web-3');
    await page.getByRole('button', { name: 'Anfordern' }).click();
    await expect(page.getByText('Die Datenbank antwortet nicht; versuchen Sie es gleich noch einmal')).toBeVisible();
    await expect(page.getByLabel('Name', { exact: true })).toHaveValue('web-3');
  });

  for (const button of ['cancel', 'retry']) {
    test(`${button} leads to the page that says why`, async ({ page, server }) => {
      const id = '019ab000-0000-7000-8000-000000000001';
      const headers = { origin: server.origin, 'accept-language': 'de' };
      const answer = await page.request.post(`/requests/${id}/${button}`, { headers, form: {} });
      expect(answer.status()).toBe(503);
      expect(answer.url()).toBe(`${server.origin}/requests/${id}`);
      expect(await answer.text()).toContain('Die Datenbank antwortet nicht');
    });
  }
});
