// Where a stream cannot be had the page asks every few seconds, and says so.
import { expect, test } from '../support/fixtures.ts';

test.use({
  // A browser itself notes in its console what it could not load.
  expectedErrors: [/net::ERR_|status of 503/],
});

const EVENTS = '**/provisioning-progress/events?*';

for (const [how, refuse] of [
  ['cut', { abort: true }],
  ['refused', { status: 503 }],
  ['ended at once by a proxy', { status: 200, contentType: 'text/event-stream', body: ': nothing\n\n' }],
] as const) {
  test(`a stream that is ${how} is made up for`, async ({ page, watched, server, vmName }) => {
    let attempts = 0;
    await page.route(EVENTS, (route) => {
      attempts += 1;
      return 'abort' in refuse ? route.abort() : route.fulfill(refuse);
    });
    const id = await server.askToStay(vmName);
    await watched.open(id);
    await watched.isPolling();
    await expect(page.locator('[data-still]'), 'it is known that work goes on').toHaveCount(0);
    await server.cancel(id);
    await watched.reaches('CLONING', 'undone');
    await expect(watched.liveness).toHaveText(/^Ended/);
    const { stages } = await server.json<{ stages: { completedAt: string | null }[] }>(
      `/api/requests/${id}/provisioning-progress`,
    );
    const shown = (await watched.steps()).filter((step) => step.completedAt !== null);
    const known = stages.map((stage) => stage.completedAt);
    expect(known).toEqual(expect.arrayContaining(shown.map((step) => step.completedAt)));
    expect(shown.length).toBeGreaterThanOrEqual(4);
    expect(attempts, 'it is tried now and then only').toBeLessThan(10);
  });
}

test('the stream is used again as soon as it can be had', async ({ page, watched, server, vmName }) => {
  await page.route(EVENTS, (route) => route.abort());
  await watched.open(await server.askToStay(vmName));
  await watched.isPolling();
  await page.unroute(EVENTS);
  // The browser tells of a network: the page need not wait for its next try.
  await page.evaluate(() => window.dispatchEvent(new Event('online')));
  await watched.isLive();
});
