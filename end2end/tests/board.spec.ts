// The list of requests, with JavaScript and without: what it shows, and how it is asked.
import { BoardPage } from '../support/board-page.ts';
import { expect, test } from '../support/fixtures.ts';

test.use({ settings: { VSPHERE_NETWORK_TIMEOUT: '4s' } });

test('it says what became of each request, and how many there are', async ({
  page,
  server,
  vmName,
}) => {
  const board = new BoardPage(page);
  const ready = await server.ask({ name: `${vmName}-ready` });
  const failed = await server.ask({ name: `${vmName}-failed`, template: 'demo-no-address' });
  expect(await server.finished(ready)).toBe('ready');
  expect(await server.finished(failed)).toBe('failed');
  await board.open(`?q=${vmName}`);
  await expect(board.rows).toHaveCount(2);
  await expect(board.doing(`${vmName}-failed`)).toHaveText('Failed: no address');
  await expect(board.doing(`${vmName}-failed`)).toHaveAttribute('data-tone', 'bad');
  await expect(board.doing(`${vmName}-ready`)).toHaveText(/^Ready, \d+\.\d+\.\d+\.\d+$/);
  await expect(board.row(`${vmName}-ready`).locator('.row-from')).toHaveText('debian-12');

  const tally = page.getByRole('list', { name: 'How many there are' });
  await expect(tally.getByRole('link')).toHaveText(['All 2', 'Ready 1', 'Failed 1']);
  await tally.getByRole('link', { name: 'Failed' }).click();
  await expect(page).toHaveURL(new RegExp(`/\\?status=failed&q=${vmName}$`));
  await expect(page.locator('.row-name')).toHaveText([`${vmName}-failed`]);
  await expect(tally.locator('[aria-current]')).toHaveText('Failed 1');
});

test('it is filtered by template', async ({ page, server, vmName }) => {
  await server.ask({ name: `${vmName}-a` });
  await server.ask({ name: `${vmName}-b`, template: 'rocky-9' });
  const board = new BoardPage(page);
  await board.open();
  await page.getByLabel('Name').fill(vmName);
  await page.getByLabel('Template').selectOption('rocky-9');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(page.locator('.row-name')).toHaveText([`${vmName}-b`]);
  await expect(page.getByLabel('Template')).toHaveValue('rocky-9');
  await page.getByRole('link', { name: 'Show all' }).click();
  await expect(page).toHaveURL(/\/$/);
});

test('it has pages', async ({ page, server, vmName }) => {
  const count = 53;
  const name = (number: number) => `${vmName}-${String(number).padStart(2, '0')}`;
  const asked = Array.from({ length: count }, (_, number) => name(number));
  for (const name of asked) await server.ask({ name });
  const board = new BoardPage(page);
  await board.open(`?q=${vmName}`);
  await expect(board.rows).toHaveCount(50);
  await expect(page.locator('.row-name').first()).toHaveText(name(count - 1));
  await page.getByRole('link', { name: 'Older' }).click();
  await expect(page.locator('.row-name')).toHaveText([name(2), name(1), name(0)]);
  await expect(page.getByRole('link', { name: 'Older' })).toHaveCount(0);
  await page.getByRole('link', { name: 'Newest' }).click();
  await expect(board.rows).toHaveCount(50);
});

test.describe('an address that means nothing', () => {
  test.use({ expectedErrors: [/status of 422/] });

  test('is told as such', async ({ page }) => {
    for (const query of ['?status=sleepy', '?after=x']) {
      const response = await page.goto(`/${query}`);
      expect(response?.status(), query).toBe(422);
    }
  });
});

test('it fits narrow windows', async ({ page, server, vmName }) => {
  const long = `${vmName}-${'a'.repeat(40)}`;
  await server.ask({ name: long });
  await page.setViewportSize({ width: 320, height: 640 });
  const board = new BoardPage(page);
  await board.open(`?q=${vmName}`);
  await expect(board.row(long)).toBeVisible();
  const { wide, window } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
  }));
  expect(wide).toBeLessThanOrEqual(window);
});
