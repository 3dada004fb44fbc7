// Motion means work.
import type { Locator } from '@playwright/test';
import { expect, test } from '../support/fixtures.ts';

// Long enough that the stage still runs when the last frame was looked at, on a busy machine too.
test.use({ settings: { STAGEWATCH_SIMULATED_DELAY: '3s' } });

/** How the spinner is turned in each of some frames. */
function turns(spinner: Locator): Promise<string[]> {
  return spinner.evaluate(async (element) => {
    const seen: string[] = [];
    for (let frame = 0; frame < 20; frame += 1) {
      await new Promise(requestAnimationFrame);
      seen.push(getComputedStyle(element).transform);
    }
    return seen;
  });
}

test('the active stage spins', async ({ watched, server, vmName }) => {
  await watched.open(await server.ask({ name: vmName, template: 'demo-slow-clone' }));
  await watched.reaches('CLONING', 'active');
  expect(new Set(await turns(watched.spinner)).size).toBeGreaterThan(5);
});

test('with reduced motion it does not, and a word says the same', async ({
  page,
  watched,
  server,
  vmName,
}) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await watched.open(await server.ask({ name: vmName, template: 'demo-slow-clone' }));
  await watched.reaches('CLONING', 'active');
  expect(new Set(await turns(watched.spinner)).size).toBe(1);
  const word = watched.step('CLONING').locator('.step-state');
  await expect(word).toHaveText('(in progress)');
  expect((await word.boundingBox())?.width).toBeGreaterThan(50);
});
