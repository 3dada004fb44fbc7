// Something was left behind in vCenter: the page says what, and has a way out.
import { isAccessible } from '../support/axe.ts';
import { expect, test } from '../support/fixtures.ts';
import { Server } from '../support/server.ts';
import { Vcsim } from '../support/vcsim.ts';

test('what is left behind is named, and removed by a button', async ({ watched, page, vmName, javaScriptEnabled }) => {
  const vcsim = await Vcsim.start();
  const server = await Server.start(vcsim.settings);
  try {
    await vcsim.refuse('ReconfigVM_Task', 'InvalidDeviceSpec', 'The device is not allowed.');
    await vcsim.refuse('Destroy_Task', 'NoPermission', 'Permission to delete was denied.');
    const id = await server.ask({ name: vmName, template: 'ubuntu-24.04' });
    expect(await server.finished(id)).toBe('needs_attention');
    expect(await vcsim.machines()).toContain(vmName);

    await page.goto(`${server.origin}/requests/${id}`);
    await expect(page.locator('.chip')).toHaveText('Needs attention');
    await expect(watched.answer).toHaveText('Something was left behind');
    await expect(page.getByText(`Left behind in vCenter: VM ${vmName}.`)).toBeVisible();
    await expect(page.getByRole('list', { name: 'Undone' })).toContainText('Permission to delete was denied.');
    await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible();
    if (javaScriptEnabled !== false) await isAccessible(page);

    await page.locator('summary', { hasText: 'Remove what is left' }).click();
    if (javaScriptEnabled !== false) await isAccessible(page);
    await page.getByRole('button', { name: 'Remove it' }).click();
    expect(await server.finished(id)).toBe('cancelled');
    expect(await vcsim.machines()).not.toContain(vmName);
    await page.goto(`${server.origin}/requests/${id}`);
    await expect(page.locator('.chip')).toHaveText('Cancelled');
    await expect(page.locator('.eta-note')).toHaveText('Nothing was left behind.');
  } finally {
    // Before its server: an ended request's page may still be asking for something.
    await page.close();
    await server.stop();
    await vcsim.stop();
  }
});
