// The browser was away: no network, a tab that stood still, a laptop that slept. What is shown is true or says
// that it is not.
import { expect, test } from '../support/fixtures.ts';
import { Standstill } from '../support/standstill.ts';

test.use({
  // A browser itself notes in its console that it could not connect.
  expectedErrors: [/net::ERR_/],
});

test('without a network it says so at once, and goes on when it is back', async ({ context, page, watched, server, vmName }) => {
  const id = await server.askToStay(vmName);
  await watched.open(id);
  await watched.isLive();
  await context.setOffline(true);
  await expect(watched.liveness).toHaveText(/^Offline, last known \d{2}:\d{2}:\d{2}$/);
  const arc = page.locator('[data-state="active"] .spinner').first();
  await expect(arc).toHaveCSS('animation-play-state', 'paused');
  await context.setOffline(false);
  await watched.isLive();
  await server.cancel(id);
  await watched.reaches('CLONING', 'undone');
});

test('a tab that stood still is true again when it goes on', async ({ page, watched, server, vmName }) => {
  const id = await server.askToStay(vmName);
  await watched.open(id);
  await watched.isLive();
  const standstill = await Standstill.of(page);
  await server.cancel(id);
  await server.finished(id);
  await standstill.end();
  await watched.reaches('CLONING', 'undone');
  await expect(watched.liveness).toHaveText(/^Ended/);
});

test('after a sleep in which its clock stood still the page goes by the server again', async ({ page, watched, server, vmName }) => {
  // As on systems whose monotonic clock stops while they sleep: the wall clock goes on alone. Whoever
  // has not asked for so long has slept.
  await page.addInitScript((sleptMs) => {
    const now = performance.now.bind(performance);
    let [last, lost] = [now(), 0];
    performance.now = () => {
      const gap = now() - last;
      last += gap;
      if (gap > sleptMs) lost += gap;
      return last - lost;
    };
  }, 6_000);
  const id = await server.askToStay(vmName);
  await watched.open(id);
  await watched.isLive();
  const shown = () => page.locator('.elapsed').innerText().then((text) => Number.parseInt(text, 10));
  const elapsed = async () =>
    (await server.json<{ elapsedMs: number }>(`/api/requests/${id}/provisioning-progress`)).elapsedMs / 1_000;
  const before = await shown();
  const sleep = await Standstill.of(page);
  await expect(async () => expect(await elapsed()).toBeGreaterThan(before + 9)).toPass();
  await sleep.end();
  await expect(async () => {
    const least = Math.floor(await elapsed());
    const now = await shown();
    expect(now).toBeGreaterThanOrEqual(least - 1);
    expect(now).toBeLessThanOrEqual((await elapsed()) + 1);
  }).toPass({ timeout: 30_000 });
  await watched.isLive();
});
