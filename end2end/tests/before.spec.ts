// Before a VM is asked for: how long it usually takes; and while its name is typed, whether it is taken.
import { expect, test } from '../support/fixtures.ts';

test('the form says how long each template usually takes', async ({
  page,
  newRequest,
  server,
  vmName,
}) => {
  const id = await server.ask({ name: vmName });
  await server.finished(id);
  await newRequest.open();
  const choice = page.locator('.choice').filter({ has: newRequest.template('debian-12') });
  await expect(choice.locator('.choice-usual')).toHaveText(/^usually /);
  await expect(page.locator('.foresight')).not.toBeEmpty();
});

test('a name that is taken is said while it is typed', async ({
  javaScriptEnabled,
  page,
  newRequest,
  server,
  vmName,
}) => {
  test.skip(javaScriptEnabled === false, 'without JavaScript it is said when the form is sent');
  const id = await server.ask({ name: vmName });
  await server.finished(id);
  await newRequest.open();
  await newRequest.isHydrated();
  const remark = page.locator('#name-remark');
  await newRequest.name.fill(vmName);
  await expect(remark).toHaveText("Taken: a VM in vCenter's folder has this name.");
  await newRequest.name.fill(`${vmName}-free`);
  await expect(remark).toHaveText('');
  await newRequest.template('debian-12').check();
  await expect(page.locator('.foresight')).toHaveText(/^Usually /);
  await newRequest.submit.click();
  await page.waitForURL(/\/requests\/[0-9a-f-]{36}$/);
});
