// What vCenter says of a slow VM, on govmomi's simulator: percentages and hints move on the page while
// one waits, and the journal holds nothing but stages.
import type { Page } from '@playwright/test';
import { expect, test } from '../support/fixtures.ts';
import { Server } from '../support/server.ts';
import { Vcsim } from '../support/vcsim.ts';

interface History {
  items: { type: string; payload: Record<string, unknown> }[];
}

/** Notes all that a stage ever says of why it waits, however short it is shown. */
async function noteWhatIsSaid(page: Page): Promise<(stage: string) => Promise<string[]>> {
  await page.evaluate(() => {
    const said: Record<string, string[]> = {};
    const look = () => {
      for (const step of document.querySelectorAll<HTMLElement>('.step')) {
        const why = step.querySelector('.step-why')?.textContent?.trim() ?? '';
        const ofStage = (said[step.dataset['stage'] ?? ''] ??= []);
        if (why !== '' && ofStage.at(-1) !== why) ofStage.push(why);
      }
    };
    const stepper = document.querySelector('.stepper');
    if (!stepper) throw new Error('no stepper');
    new MutationObserver(look).observe(stepper, { subtree: true, childList: true, characterData: true });
    look();
    Object.assign(window, { said });
  });
  return (stage) =>
    page.evaluate((name) => (window as unknown as { said: Record<string, string[]> }).said[name] ?? [], stage);
}

/** The percentages among what was said, each beside what vCenter was doing. */
function percentages(said: string[], doing: string): number[] {
  return said
    .filter((text) => text.includes(doing))
    .map((text) => Number(/task is at (\d+) %/.exec(text)?.[1] ?? NaN))
    .filter((percent) => !Number.isNaN(percent));
}

test('percentages and hints move live, and the journal holds only stages', async ({ page, watched, vmName }) => {
  const vcsim = await Vcsim.start();
  const server = await Server.start(vcsim.settings);
  try {
    // Slow enough that each step of a task is told by itself.
    await vcsim.slow('CloneVM_Task', 8_000);
    await vcsim.slow('ReconfigVM_Task', 4_000);
    await vcsim.slow('PowerOnVM_Task', 4_000);
    await vcsim.withholdAddresses(6_000);
    const id = await server.ask({ name: vmName, template: 'ubuntu-24.04' });
    await page.goto(`${server.origin}/requests/${id}`);
    await watched.isLive();
    const said = await noteWhatIsSaid(page);

    await watched.reaches('WAITING_FOR_NETWORK', 'active');
    for (const [stage, doing] of [
      ['CLONING', "copying the template's disks"],
      ['CONFIGURING', 'setting CPUs and memory'],
      ['POWERING_ON', 'powering on'],
    ] as const) {
      const told = percentages(await said(stage), doing);
      expect(told.length, `${stage}: ${await said(stage)}`).toBeGreaterThan(2);
      expect(told, stage).toEqual([...told].sort((one, other) => one - other));
      expect(Math.max(...told), stage).toBeLessThanOrEqual(100);
    }

    const why = watched.step('WAITING_FOR_NETWORK').locator('.step-why');
    await expect(why).toHaveText('Tools running, NIC connected, only fe80::1 seen, which is link-local');
    expect(await said('WAITING_FOR_NETWORK')).toContain('Tools not running, NIC connected, no address seen');
    await vcsim.change(vmName, { connected: false });
    await expect(why).toHaveText('Tools running, NIC not connected, only fe80::1 seen, which is link-local');
    await vcsim.change(vmName, { connected: true, addresses: ['169.254.3.4'] });
    await expect(why).toHaveText('Tools running, NIC connected, only 169.254.3.4 seen, which is link-local');
    await vcsim.change(vmName, { poweredOn: false });
    await expect(why).toHaveText('the VM is powered off');
    await vcsim.change(vmName, { poweredOn: true });
    await expect(why).toHaveText('Tools running, NIC connected, only fe80::1 seen, which is link-local');
    await vcsim.change(vmName, { addresses: ['10.30.7.9'] });
    await watched.reaches('READY', 'done');
    expect(await said('WAITING_FOR_NETWORK')).toContain('10.30.7.9 seen, making sure that it stays');
    await expect(watched.address).toHaveText('10.30.7.9');

    const { items } = await server.json<History>(`/api/requests/${id}/history`);
    expect(items.map(({ type, payload }) => payload['currentStage'] ?? type)).toEqual([
      'VmRequested', 'VmProvisioningStarted', 'CLONING', 'CONFIGURING', 'POWERING_ON', 'WAITING_FOR_NETWORK',
      'VmProvisioned',
    ]);
    expect(JSON.stringify(items)).not.toMatch(/percent|%|Tools|NIC|link-local|disks|powered off|making sure/);
  } finally {
    // Before its server: an ended request's page may still be asking for something.
    await page.close();
    await server.stop();
    await vcsim.stop();
  }
});
