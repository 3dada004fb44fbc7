// How long still: learned from what finished before.
import { expect, test } from '../support/fixtures.ts';

// A server of its own, so that it has learned from these five runs only; slow enough for a page that is opened
// late to see the second stage begin.
test.use({ settings: { STAGEWATCH_SIMULATED_DELAY: '2500ms' } });

interface Progress {
  stages: { stage: string; durationMs: number }[];
  estimate: { remainingMs: number; samples: number; basis: string } | null;
}

test('the sixth run is told what the five before it took', async ({
  page,
  watched,
  server,
  vmName,
}) => {
  const first = await server.ask({ name: `${vmName}-1` });
  await watched.open(first);
  await expect(watched.answer).toHaveText('No estimate yet: nobody has built this template before');

  const more = await Promise.all([2, 3, 4, 5].map((n) => server.ask({ name: `${vmName}-${n}` })));
  const runs = await Promise.all(
    [first, ...more].map(async (id) => {
      expect(await server.finished(id)).toBe('ready');
      return server.json<Progress>(`/api/requests/${id}/provisioning-progress`);
    }),
  );
  // Three stages are left from CONFIGURING on: told is the middle of their sum, which lies between the
  // sums of the quickest and the slowest ones.
  const sum = (pick: (...durations: number[]) => number) =>
    ['CONFIGURING', 'POWERING_ON', 'WAITING_FOR_NETWORK']
      .map((stage) =>
        pick(...runs.map((run) => run.stages.find((of) => of.stage === stage)?.durationMs ?? NaN)),
      )
      .reduce((total, duration) => total + duration);

  const id = await server.ask({ name: `${vmName}-6` });
  await watched.open(id);
  await watched.isLive();
  // What the page was told together with the stage, before anything newer.
  const told = await page.locator('[data-stage="CONFIGURING"]').evaluate(
    (step) =>
      new Promise<number>((resolve) => {
        const look = () => {
          if (step.getAttribute('data-state') !== 'active') return;
          const answer = document.querySelector('[data-remaining-ms]');
          resolve(Number(answer?.getAttribute('data-remaining-ms')));
        };
        new MutationObserver(look).observe(step, { attributes: true });
        look();
      }),
  );
  expect(told).toBeGreaterThan(sum(Math.min) / 2);
  expect(told).toBeLessThan(sum(Math.max) * 2);
  await expect(watched.answer).toHaveText(/ left$|^Any moment/);
  await expect(page.locator('.eta-facts')).toContainText('from 5 earlier runs of this template');
  await watched.reaches('READY', 'done');
  await expect(page.locator('.eta-facts')).toBeHidden();

  // The chart compares it with the five before it and not with itself: the same after a reload, when it
  // is itself among the finished ones.
  const usually = page.locator('td.timeline-usually');
  await expect(usually).toHaveText(Array(5).fill(/^[\d.]+(–[\d.]+)? s$/));
  expect(await usually.allTextContents()).toContainEqual(expect.stringContaining('–'));
  const shown = await usually.allTextContents();
  expect(await page.locator('.timeline-band').count()).toBeGreaterThan(0);
  await expect(page.locator('.timeline-key')).toHaveText('The band is where 8 of 10 other runs ended.');
  await page.reload();
  expect(await usually.allTextContents()).toEqual(shown);
});
