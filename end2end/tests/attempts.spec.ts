// Another attempt after a failed one, on govmomi's simulator: the earlier one keeps its stages, its failed
// tries, its reason and what was undone, with JavaScript and without, wide, narrow and on paper.
import type { Locator } from '@playwright/test';
import { isAccessible } from '../support/axe.ts';
import { expect, test } from '../support/fixtures.ts';
import { Server } from '../support/server.ts';
import { Vcsim } from '../support/vcsim.ts';

test.use({ viewport: { width: 320, height: 720 } });

async function keepsItsStory(earlier: Locator): Promise<void> {
  await expect(earlier.locator('.attempt-name')).toHaveText('Attempt 1: Failed');
  await expect(earlier.locator('.attempt-facts')).toHaveText(/^took .+ · tried again after .+$/);
  await expect(earlier.locator('.attempt-reason')).toHaveText('The device is not allowed.');
  await expect(earlier.locator('.attempt-times time')).toHaveCount(2);
  const stages = earlier.getByRole('list', { name: 'Stages of attempt 1' }).getByRole('listitem');
  await expect(stages).toHaveText([
    /Created \(done\) .+ s$/, /Cloning from template \(undone\) .+ s$/, /Apply configuration \(failed\) .+ s$/,
    /Start VM \(skipped\)/, /Wait for network \(skipped\)/, /Ready \(skipped\)/,
  ]);
  const tries = earlier.getByRole('list', { name: 'Failed tries' }).getByRole('listitem');
  await expect(tries).toHaveText([
    /Try 1, Cloning from template: .+ \(then a pause of .+ s\)$/,
    /Try 2, Apply configuration: .+ \(then a pause of .+ s\)$/,
  ]);
  await expect(earlier.locator('.attempt-end')).toHaveText('Undone: delete VM · Nothing left behind');
}

test('an earlier attempt keeps its stages, tries, reason and end', async ({ page, vmName, watched, javaScriptEnabled }) => {
  const vcsim = await Vcsim.start();
  const server = await Server.start(vcsim.settings);
  try {
    await vcsim.unanswered('CloneVM_Task');
    await vcsim.unanswered('ReconfigVM_Task');
    await vcsim.refuse('ReconfigVM_Task', 'InvalidDeviceSpec', 'The device is not allowed.');
    const id = await server.ask({ name: vmName, template: 'ubuntu-24.04' });
    expect(await server.finished(id)).toBe('failed');
    await page.goto(`${server.origin}/requests/${id}`);
    // Its own tries are told while it is the newest attempt.
    await expect(page.getByRole('list', { name: 'Failed tries' }).getByRole('listitem')).toHaveCount(2);
    await watched.tryAgain();
    expect(await server.finished(id)).toBe('ready');
    // Without JavaScript the page loads itself again until it has ended.
    await watched.reaches('READY', 'done');
    // The stepper is the new attempt's; the earlier one is told beside it.
    expect((await watched.steps()).map((step) => step.state)).toEqual(Array(6).fill('done'));
    const earlier = page.getByRole('region', { name: 'Earlier attempts' }).locator('.attempt');
    await expect(earlier).toHaveCount(1);
    await keepsItsStory(earlier);
    if (javaScriptEnabled !== false) await isAccessible(page);
    const beyond = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(await beyond()).toBe(0);
    await page.emulateMedia({ media: 'print' });
    await expect(earlier.getByRole('list', { name: 'Failed tries' })).toBeVisible();
    await expect(earlier.locator('.attempt-end')).toBeVisible();
    await page.emulateMedia({ media: 'screen' });
    await page.setViewportSize({ width: 1280, height: 900 });
    await keepsItsStory(earlier);
  } finally {
    // Before its server: an ended request's page may still be asking for something.
    await page.close();
    await server.stop();
    await vcsim.stop();
  }
});
