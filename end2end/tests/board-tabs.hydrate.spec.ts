// Many tabs with the list of requests in one browser over HTTP/1.1, which has six connections for them
// all: one stream keeps all of them true, whatever each of them shows.
import type { BrowserContext, Page, Route } from '@playwright/test';
import { BoardPage } from '../support/board-page.ts';
import { expect, test } from '../support/fixtures.ts';
import { RequestPage } from '../support/request-page.ts';
import { Standstill } from '../support/standstill.ts';

// Many tabs of the whole page, one after the other, on a busy machine.
test.setTimeout(240_000);

const TABS = 7;
/** Connections of one browser that may be streams. */
const STREAMS = 4;

class Tab extends BoardPage {
  private constructor(readonly own: Page) {
    super(own);
  }

  static async open(context: BrowserContext, query: string): Promise<Tab> {
    const tab = new Tab(await context.newPage());
    await tab.open(query);
    await tab.own.evaluate(() => Object.assign(window, { sameDocument: true }));
    return tab;
  }

  static async live(context: BrowserContext, query: string): Promise<Tab> {
    const tab = await Tab.open(context, query);
    await tab.isLive();
    return tab;
  }

  async isSameDocument(): Promise<void> {
    expect(await this.own.evaluate(() => 'sameDocument' in window)).toBe(true);
  }
}

/** Requests for streams of the list that the browser makes from now on. */
function streamsOf(context: BrowserContext): string[] {
  const streams: string[] = [];
  context.on('request', (asked) => {
    if (asked.url().includes('/api/requests/events')) streams.push(asked.url());
  });
  return streams;
}

test('seven tabs share one stream, and the next tab takes over with nothing missed', async ({
  context,
  server,
  vmName,
}) => {
  const streams = streamsOf(context);
  const first = await server.askToStay(`${vmName}-a`);
  const second = await server.askToStay(`${vmName}-b`);
  const tabs: Tab[] = [];
  // Every other one shows less than the stream tells.
  for (let n = 0; n < TABS; n += 1) {
    tabs.push(await Tab.live(context, n % 2 === 0 ? `?q=${vmName}` : `?q=${vmName}-b`));
  }
  expect(streams).toHaveLength(1);
  for (const tab of tabs) await expect(tab.doing(`${vmName}-b`)).toHaveText('Wait for network');

  await server.cancel(first);
  for (const [n, tab] of tabs.entries()) {
    if (n % 2 === 0) await expect(tab.doing(`${vmName}-a`)).toHaveText('Cancelled');
    else await expect(tab.row(`${vmName}-a`)).toHaveCount(0);
  }

  // The first tab has the stream. What happens while it is closed comes to all others all the same.
  await Promise.all([tabs.shift()?.own.close(), server.cancel(second), server.ask({ name: `${vmName}-b-new` })]);
  await expect(() => expect(streams).toHaveLength(2)).toPass();
  for (const tab of tabs) {
    await expect(tab.doing(`${vmName}-b`)).toHaveText('Cancelled');
    await expect(tab.doing(`${vmName}-b-new`)).toHaveText(/^Ready, /, { timeout: 45_000 });
    await tab.isLive();
    await tab.isSameDocument();
  }
  expect(streams).toHaveLength(2);
});

test('a tab that joins late knows what was told before it listened', async ({ context, server, vmName }) => {
  const streams = streamsOf(context);
  const id = await server.askToStay(vmName);
  const first = await Tab.live(context, `?q=${vmName}`);
  // The second tab has its page, and not yet what makes it live.
  const page = await context.newPage();
  const second = new BoardPage(page);
  const script = new Promise<Route>((resolve) => void page.route('**/*.wasm', resolve));
  const opening = page.goto(`/?q=${vmName}`);
  const held = await script;
  await expect(second.doing(vmName)).toHaveText('Wait for network');
  await server.cancel(id);
  await server.ask({ name: `${vmName}-new` });
  await expect(first.doing(vmName)).toHaveText('Cancelled');
  await expect(first.doing(`${vmName}-new`)).toHaveText(/^Ready, /, { timeout: 45_000 });
  await expect(second.doing(vmName)).toHaveText('Wait for network');
  await held.continue();
  await opening;
  await second.isLive();
  await expect(second.doing(vmName)).toHaveText('Cancelled');
  await expect(second.doing(`${vmName}-new`)).toHaveText(/^Ready, /);
  expect(streams).toHaveLength(1);
});

test('a tab that stands still loses the stream to who asks, and catches up', async ({ context, server, vmName }) => {
  const streams = streamsOf(context);
  const id = await server.askToStay(vmName);
  const first = await Tab.live(context, `?q=${vmName}`);
  const second = await Tab.live(context, `?q=${vmName}`);
  expect(streams).toHaveLength(1);
  const standstill = await Standstill.of(first.own);
  // Who looks again asks, and takes over when no answer comes.
  await second.own.evaluate(() => window.dispatchEvent(new Event('pageshow')));
  await expect(() => expect(streams).toHaveLength(2)).toPass();
  await server.cancel(id);
  await expect(second.doing(vmName)).toHaveText('Cancelled');
  await standstill.end();
  await first.isLive();
  await expect(first.doing(vmName)).toHaveText('Cancelled');
  await server.ask({ name: `${vmName}-new` });
  for (const tab of [first, second]) {
    await expect(tab.row(`${vmName}-new`)).toBeVisible();
    await tab.isSameDocument();
  }
  expect(streams).toHaveLength(2);
});

test('where other pages have all streams each tab of the list asks', async ({ context, server, vmName }) => {
  const ids: string[] = [];
  for (let n = 0; n < STREAMS; n += 1) ids.push(await server.askToStay(`${vmName}-${n}`));
  const others: Page[] = [];
  for (const id of ids) {
    const page = await context.newPage();
    await page.goto(`/requests/${id}`);
    await new RequestPage(page).isLive();
    others.push(page);
  }
  // Of nobody's own page, so that its end makes no connection free.
  const listed = await server.askToStay(`${vmName}-list`);
  const tabs = [await Tab.open(context, `?q=${vmName}`), await Tab.open(context, `?q=${vmName}-list`)];
  for (const tab of tabs) await expect(tab.liveness).toHaveText(/^Checking every 3 s/);
  for (const tab of tabs) await expect(tab.doing(`${vmName}-list`)).toHaveText('Wait for network');
  await server.cancel(listed);
  for (const tab of tabs) await expect(tab.doing(`${vmName}-list`)).toHaveText('Cancelled');

  // A connection that becomes free is used for the list, and by one tab for both.
  const streams = streamsOf(context);
  await others.pop()?.close();
  for (const tab of tabs) await tab.isLive();
  expect(streams).toHaveLength(1);
  await server.ask({ name: `${vmName}-list-new` });
  for (const tab of tabs) await expect(tab.row(`${vmName}-list-new`)).toBeVisible();
});
