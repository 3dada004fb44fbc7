// The list of requests, live: rows move by themselves, new ones come in where nobody is disturbed.
import { isAccessible } from '../support/axe.ts';
import { BoardPage } from '../support/board-page.ts';
import { Cable } from '../support/cable.ts';
import { expect, test } from '../support/fixtures.ts';

// A browser itself notes in its console that it could not connect.
test.use({ expectedErrors: [/net::ERR_/] });
test.use({ settings: { STAGEWATCH_SIMULATED_DELAY: '1500ms', STAGEWATCH_SLOW_AFTER: '3s' } });

test('a row moves through the stages without loading the page again', async ({
  page,
  server,
  vmName,
}) => {
  const board = new BoardPage(page);
  const id = await server.ask({ name: vmName });
  await board.open(`?q=${vmName}`);
  await page.evaluate(() => Object.assign(window, { sameDocument: true }));
  await board.isLive();
  const bar = board.row(vmName).locator('.row-bar');
  const before = await bar.getAttribute('style');
  await expect(board.doing(vmName)).toHaveText(/^Wait for network/);
  await expect(board.doing(vmName)).toHaveText(/^Ready, /);
  expect(await bar.getAttribute('style')).not.toBe(before);
  const { vm } = await server.json<{ vm: { ipAddress: string } }>(`/api/requests/${id}`);
  await expect(board.doing(vmName)).toHaveText(`Ready, ${vm.ipAddress}`);
  await expect(board.row(vmName).locator('a')).toHaveAttribute('data-status', 'ready');
  expect(await page.evaluate(() => 'sameDocument' in window)).toBe(true);
});

test('a new request comes in on top, and only if it is asked for', async ({
  page,
  server,
  vmName,
}) => {
  const board = new BoardPage(page);
  await board.open(`?q=${vmName}`);
  await board.isLive();
  await expect(page.getByText('No requests match.')).toBeVisible();
  await server.ask({ name: `${vmName}-1` });
  await expect(board.rows).toHaveCount(1);
  await server.ask({ name: `other-${vmName.slice(3)}` });
  await server.ask({ name: `${vmName}-2` });
  await expect(page.locator('.row-name')).toHaveText([`${vmName}-2`, `${vmName}-1`]);
  await expect(page.getByText('No requests match.')).toHaveCount(0);
});

test('nothing moves under a person who reads', async ({ page, server, vmName }) => {
  const board = new BoardPage(page);
  await server.ask({ name: `${vmName}-old` });
  await board.open(`?q=${vmName}`);
  await board.isLive();
  const link = board.row(`${vmName}-old`).getByRole('link');
  await link.focus();
  const place = await link.boundingBox();
  await server.ask({ name: `${vmName}-new` });
  await expect(board.waiting).toHaveText('1 new request');
  await server.ask({ name: `${vmName}-newer` });
  await expect(board.waiting).toHaveText('2 new requests');
  expect(await link.boundingBox()).toEqual(place);
  await expect(link).toBeFocused();
  await isAccessible(page);

  await board.waiting.click();
  await expect(page.locator('.row-name')).toHaveText([
    `${vmName}-newer`,
    `${vmName}-new`,
    `${vmName}-old`,
  ]);
  await expect(board.waiting).toBeHidden();
  await expect(board.row(`${vmName}-newer`).getByRole('link')).toBeFocused();
});

test('who is slow stands out, in words too', async ({ page, server, vmName }) => {
  const board = new BoardPage(page);
  await server.ask({ name: vmName, template: 'demo-slow-clone' });
  await board.open(`?q=${vmName}`);
  await board.isLive();
  await expect(board.doing(vmName)).toHaveText('Cloning from template, slow');
  await expect(board.doing(vmName)).toHaveAttribute('data-tone', 'slow');
  await isAccessible(page);
});

test('more rows are shown on the same page', async ({ page, server, vmName }) => {
  for (let number = 0; number < 53; number += 1) await server.ask({ name: `${vmName}-${number}` });
  const board = new BoardPage(page);
  await board.open(`?q=${vmName}`);
  await expect(board.rows).toHaveCount(50);
  await page.getByRole('button', { name: 'Show more' }).click();
  await expect(board.rows).toHaveCount(53);
  await expect(page.getByRole('button', { name: 'Show more' })).toBeHidden();
  // Who goes by keyboard goes on from there.
  await expect(board.rows.nth(50).getByRole('link')).toBeFocused();
  await expect(page.getByRole('link', { name: 'Older' })).toHaveCount(0);
});

test('a cut network is said, and what happened meanwhile comes afterwards', async ({
  page,
  server,
  vmName,
}) => {
  const cable = await Cable.to(server.origin);
  try {
    const board = new BoardPage(page);
    const id = await server.ask({ name: vmName });
    await page.goto(`${cable.origin}/?q=${vmName}`);
    await board.isLive();
    cable.cut();
    await expect(board.liveness).toHaveText(/^reconnecting, last known \d{2}:\d{2}:\d{2}$/, {
      timeout: 25_000,
    });
    expect(await server.finished(id)).toBe('ready');
    await server.ask({ name: `${vmName}-meanwhile` });
    cable.mend();
    await board.isLive();
    await expect(board.doing(vmName)).toHaveText(/^Ready, /);
    await expect(board.row(`${vmName}-meanwhile`)).toBeVisible();
  } finally {
    cable.close();
  }
});

test('a server that crashes and comes back loses no row', async ({ page, server, vmName }) => {
  const board = new BoardPage(page);
  await server.ask({ name: vmName, template: 'demo-slow-clone' });
  await board.open(`?q=${vmName}`);
  await board.isLive();
  await server.crash();
  await server.ask({ name: `${vmName}-after` });
  await expect(board.row(`${vmName}-after`)).toBeVisible();
  await board.isLive();
  await expect(board.doing(vmName)).toHaveText(/^Ready, /, { timeout: 45_000 });
});
