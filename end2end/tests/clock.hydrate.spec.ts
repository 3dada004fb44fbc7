// The page goes by the server's clock, whatever the browser's says.
import { expect, test } from '../support/fixtures.ts';

// The clone lasts until some seconds were seen, on a busy machine too.
test.use({ settings: { STAGEWATCH_SIMULATED_DELAY: '2s' } });

const THREE_HOURS_MS = 3 * 60 * 60 * 1000;

for (const [how, offset] of [['slow', -THREE_HOURS_MS], ['fast', THREE_HOURS_MS]] as const) {
  test(`a clock that is three hours ${how} changes nothing`, async ({ page, watched, server, vmName }) => {
    await page.addInitScript((offset) => {
      const RealDate = Date;
      const now = () => RealDate.now() + offset;
      globalThis.Date = new Proxy(RealDate, {
        construct: (_, args) =>
          args.length === 0 ? new RealDate(now()) : Reflect.construct(RealDate, args),
        apply: () => new RealDate(now()).toString(),
        get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
      });
    }, offset);
    const id = await server.ask({ name: vmName, template: 'demo-slow-clone' });
    await watched.open(id);
    await watched.isLive();
    const skew = await page.evaluate(() => Date.now());
    expect(Math.abs(skew - Date.now()), 'the clock is wrong').toBeGreaterThan(THREE_HOURS_MS / 2);

    await watched.reaches('CLONING', 'active');
    const elapsed = async () =>
      (await server.json<{ elapsedMs: number }>(`/api/requests/${id}/provisioning-progress`)).elapsedMs / 1_000;
    // It moves on, and lies between what the server says before and after: whole seconds are shown.
    await expect(async () => {
      const least = await elapsed();
      const shown = Number.parseInt(await page.locator('.elapsed').innerText(), 10);
      expect(shown).toBeGreaterThanOrEqual(3);
      expect(shown).toBeGreaterThanOrEqual(Math.floor(least) - 1);
      expect(shown).toBeLessThanOrEqual((await elapsed()) + 1);
    }).toPass();
    const shown = await watched.step('CREATED').locator('time').innerText();
    const { stages } = await server.json<{ stages: { completedAt: string }[] }>(
      `/api/requests/${id}/provisioning-progress`,
    );
    const real = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium', timeZone: 'Europe/Berlin' });
    expect(shown).toBe(real.format(new Date(stages[0]?.completedAt ?? '')));
  });
}

test('moments are in the words of the reader, with the whole of them on hover', async ({
  watched,
  server,
  vmName,
}) => {
  const id = await server.ask({ name: vmName });
  await server.finished(id);
  await watched.open(id);
  const moment = watched.step('READY').locator('time');
  await expect(moment).toHaveText(/^\d{2}:\d{2}:\d{2}$/);
  await expect(moment).toHaveAttribute('title', /\d{4} at \d{2}:\d{2}:\d{2} CES?T$/);
});
