// Nobody has to watch: the title, the icon and a notification tell.
import type { Page } from '@playwright/test';
import { expect, test } from '../support/fixtures.ts';
import { RequestPage } from '../support/request-page.ts';

const icon = (page: Page) => page.locator('#icon-of-request').getAttribute('href');

/** Notes every notification instead of showing it. */
async function noteNotifications(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const told: string[] = [];
    const Real = window.Notification;
    class Noted {
      static get permission() {
        return Real.permission;
      }
      static requestPermission() {
        told.push('asked');
        return Real.requestPermission();
      }
      constructor(title: string, options: { body?: string }) {
        told.push(`${title} | ${options.body}`);
      }
    }
    Object.assign(window, { Notification: Noted, told });
  });
}

const told = (page: Page) => page.evaluate(() => (window as unknown as { told: string[] }).told);

test('the title names the stage and the time that is left', async ({ page, watched, server, vmName }) => {
  await server.finished(await server.ask({ name: `${vmName}-before` }));
  const id = await server.askToStay(vmName);
  await watched.open(id);
  await expect(page).toHaveTitle(new RegExp(`^5/6 Wait for network, (about \\d+ s|any moment) · ${vmName} · Stagewatch$`));
  await watched.isLive();
  await server.cancel(id);
  await watched.reaches('CLONING', 'undone');
  await expect(page).toHaveTitle(`Cancelled · ${vmName} · Stagewatch`);
});

test('the icon fills and ends in the colour of the outcome', async ({ page, watched, server, vmName }) => {
  const id = await server.askToStay(vmName);
  // The first icon is the server's, and as true.
  const html = async () => (await page.request.get(`/requests/${id}`)).text();
  expect(await html()).toContain("stroke-dasharray='");
  await watched.open(id);
  await watched.isLive();
  expect(await icon(page)).toMatch(/stroke='%235a7bd8'.*stroke-dasharray/);
  await server.cancel(id);
  await watched.reaches('CLONING', 'undone');
  await expect(page.locator('#icon-of-request')).toHaveAttribute('href', /fill='%238a91a0'/);
  expect(await html()).toContain("fill='%238a91a0'");
});

test('who asks for it is told of the end, once, whatever the number of tabs', async ({ context, server, vmName }) => {
  await context.grantPermissions(['notifications']);
  const id = await server.askToStay(vmName);
  const tabs = await Promise.all([context.newPage(), context.newPage(), context.newPage()]);
  for (const tab of tabs) {
    await noteNotifications(tab);
    await tab.goto(`/requests/${id}`);
    await new RequestPage(tab).isLive();
  }
  const [first] = tabs;
  const button = first?.getByRole('button', { name: 'Tell me when it is ready' });
  await expect(button!).toHaveAttribute('aria-pressed', 'false');
  await button?.click();
  await expect(first!.getByRole('button', { name: 'You will be told when it ends' })).toHaveAttribute('aria-pressed', 'true');
  await server.cancel(id);
  await Promise.all(tabs.map((tab) => expect(new RequestPage(tab).liveness).toHaveText(/^Ended/)));
  const all = (await Promise.all(tabs.map(told))).flat();
  expect(all.filter((line) => line !== 'asked')).toEqual([expect.stringMatching(`^${vmName}: Cancelled \\| Cancelled after `)]);
  await expect(first!.getByRole('button', { name: /told when|Tell me/ })).toHaveCount(0);
});

test('nobody is asked before they want it, and a wish can be taken back', async ({ context, page, watched, server, vmName }) => {
  await context.grantPermissions(['notifications']);
  await noteNotifications(page);
  const id = await server.askToStay(vmName);
  await watched.open(id);
  await watched.isLive();
  expect(await told(page)).toEqual([]);
  await page.getByRole('button', { name: 'Tell me when it is ready' }).click();
  // Remembered over a reload.
  await page.reload();
  await page.getByRole('button', { name: 'You will be told when it ends' }).click();
  await expect(page.getByRole('button', { name: 'Tell me when it is ready' })).toBeVisible();
  await watched.isLive();
  await server.cancel(id);
  await expect(watched.liveness).toHaveText(/^Ended/);
  expect(await told(page)).toEqual([]);
});

test('where it is forbidden there is no button', async ({ page, watched, server, vmName }) => {
  await page.addInitScript(() => {
    Object.defineProperty(window.Notification, 'permission', { get: () => 'denied' });
  });
  await watched.open(await server.askToStay(vmName));
  await watched.isLive();
  await expect(page.getByRole('button', { name: /told when|Tell me/ })).toHaveCount(0);
});
