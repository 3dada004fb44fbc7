// The network goes away and comes back: the page says so, and misses nothing.
import { Cable } from '../support/cable.ts';
import { expect, test } from '../support/fixtures.ts';

// A browser itself notes in its console that it could not connect.
test.use({ expectedErrors: [/net::ERR_/] });
// Long enough that it still runs when the network is back.
test.use({ settings: { STAGEWATCH_SIMULATED_DELAY: '8s' } });

test('a cut network is said within 20 s, and its return', async ({
  page,
  watched,
  server,
  vmName,
}) => {
  const cable = await Cable.to(server.origin);
  try {
    const id = await server.ask({ name: vmName });
    await page.goto(`${cable.origin}/requests/${id}`);
    await watched.isLive();
    const before = await watched.steps();

    cable.cut();
    await expect(watched.liveness).toHaveText(/^reconnecting, last known \d{2}:\d{2}:\d{2}$/, {
      timeout: 20_000,
    });
    await expect(page.getByText('Connection lost, reconnecting')).toHaveCount(1);
    const arc = page.locator('[data-state="active"] .spinner').first();
    await expect(arc).toHaveCSS('animation-play-state', 'paused');

    cable.mend();
    await expect(watched.liveness).toHaveText(/^Live, event \d+, \d+ s ago$/);
    const after = await watched.steps();
    for (const step of before.filter((step) => step.state === 'done')) {
      expect(after.find((other) => other.stage === step.stage)).toEqual(step);
    }
    await watched.reaches('READY', 'done');
    const { stages } = await server.json<{ stages: { completedAt: string }[] }>(
      `/api/requests/${id}/provisioning-progress`,
    );
    expect((await watched.steps()).map((step) => step.completedAt)).toEqual(
      stages.map((stage) => stage.completedAt),
    );
  } finally {
    cable.close();
  }
});
