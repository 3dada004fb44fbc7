// Many tabs of one browser over HTTP/1.1, which has six connections for them all: each stays true.
import type { BrowserContext, Page } from '@playwright/test';
import { expect, test } from '../support/fixtures.ts';
import { RequestPage } from '../support/request-page.ts';
import { Standstill } from '../support/standstill.ts';

// Many tabs of the whole page, one after the other, on a busy machine.
test.setTimeout(240_000);

const TABS = 7;

/** Opens a tab and notes every event that its page takes, by its number. */
async function open(context: BrowserContext, id: string): Promise<Page> {
  const page = await context.newPage();
  await page.addInitScript(() => {
    const seen: string[] = [];
    Object.assign(window, { seen });
    // A line that counts up is every number that the page has shown.
    const look = () => {
      const event = /event (\d+)/i.exec(document.querySelector('.liveness-line')?.textContent ?? '');
      if (event?.[1] && event[1] !== seen.at(-1)) seen.push(event[1]);
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  });
  await page.goto(`/requests/${id}`);
  return page;
}

/** Requests for streams that the browser makes from now on. */
function streamsOf(context: BrowserContext): string[] {
  const streams: string[] = [];
  context.on('request', (asked) => {
    if (asked.url().includes('/provisioning-progress/events')) streams.push(asked.url());
  });
  return streams;
}

test('seven tabs of one request share one stream, and the next tab takes over', async ({ context, server, vmName }) => {
  const streams = streamsOf(context);
  const id = await server.askToStay(vmName);
  const tabs: Page[] = [];
  for (let n = 0; n < TABS; n += 1) {
    const tab = await open(context, id);
    await new RequestPage(tab).isLive();
    tabs.push(tab);
  }
  expect(streams).toHaveLength(1);

  // The first tab has the stream. Closed, it leaves it to the next one, from the last event on.
  await tabs.shift()?.close();
  await expect(() => expect(streams).toHaveLength(2)).toPass();
  for (const tab of tabs) await new RequestPage(tab).isLive();
  await server.cancel(id);
  await server.finished(id);
  const { seq, stages } = await server.json<{ seq: number; stages: { state: string }[] }>(
    `/api/requests/${id}/provisioning-progress`,
  );
  for (const tab of tabs) {
    await expect(new RequestPage(tab).liveness).toHaveText(/^Ended/);
    // Each event counted once and in order, and at the end the page is as the server knows it.
    const seen = await tab.evaluate(() => (window as unknown as { seen: string[] }).seen.map(Number));
    expect(seen).toEqual([...new Set(seen)].sort((one, other) => one - other));
    expect(seen.at(-1)).toBeLessThanOrEqual(seq);
    const shown = await new RequestPage(tab).steps();
    expect(shown.map((step) => step.state)).toEqual(stages.map((stage) => stage.state));
  }
  expect(streams).toHaveLength(2);
});

test('seven tabs of seven requests are all true, some live and some asking', async ({ context, server, vmName }) => {
  const ids = await Promise.all(
    Array.from({ length: TABS }, (_, n) => server.askToStay(`${vmName}-${n}`)),
  );
  const tabs: Page[] = [];
  for (const id of ids) tabs.push(await open(context, id));
  const lines = () => Promise.all(tabs.map((tab) => new RequestPage(tab).liveness.innerText()));
  await expect(async () => {
    const said = await lines();
    expect(said.filter((line) => line.startsWith('Live, event'))).toHaveLength(4);
    expect(said.filter((line) => line.startsWith('Checking every 3 s, event'))).toHaveLength(3);
  }).toPass();

  // A connection that becomes free is used by a tab that had none.
  const said = await lines();
  const live = said.findIndex((line) => line.startsWith('Live'));
  await tabs.splice(live, 1)[0]?.close();
  await expect(async () => {
    expect((await lines()).filter((line) => line.startsWith('Live, event'))).toHaveLength(4);
  }).toPass();
  await Promise.all(ids.map((id) => server.cancel(id)));
  await Promise.all(tabs.map((tab) => new RequestPage(tab).reaches('CLONING', 'undone')));
});

test('a tab that stands still loses the stream to who asks', async ({ context, server, vmName }) => {
  const streams = streamsOf(context);
  const id = await server.askToStay(vmName);
  const first = await open(context, id);
  await new RequestPage(first).isLive();
  const second = await open(context, id);
  await new RequestPage(second).isLive();
  expect(streams).toHaveLength(1);
  const standstill = await Standstill.of(first);
  // Who looks again asks, and takes over when no answer comes.
  await second.evaluate(() => window.dispatchEvent(new Event('pageshow')));
  await expect(() => expect(streams).toHaveLength(2)).toPass();
  await new RequestPage(second).isLive();
  await standstill.end();
  await new RequestPage(first).isLive();
  await server.cancel(id);
  await Promise.all([first, second].map((tab) => new RequestPage(tab).reaches('CLONING', 'undone')));
});

test('without locks each tab has a stream of its own', async ({ context, page, watched, server, vmName }) => {
  const streams = streamsOf(context);
  await page.addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }));
  const id = await server.askToStay(vmName);
  await watched.open(id);
  await watched.isLive();
  expect(streams).toHaveLength(1);
  await server.cancel(id);
  await watched.reaches('CLONING', 'undone');
});
