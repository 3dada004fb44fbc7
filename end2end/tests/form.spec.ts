// The form that asks for a VM, with JavaScript and without.
import { expect, test } from '../support/fixtures.ts';

test('proposes a template and its size, and shows the limits', async ({ page, newRequest }) => {
  await newRequest.open();
  await expect(newRequest.template('debian-12')).toBeChecked();
  await expect(newRequest.cpus).not.toHaveValue('');
  await expect(newRequest.memory).not.toHaveValue('');
  await expect(newRequest.cpus).toHaveAccessibleDescription('1 to 64');
  await expect(newRequest.memory).toHaveAccessibleDescription(/256 to 1,048,576, steps of 4/);
  await expect(newRequest.name).toHaveAccessibleDescription(/1 to 63 of a-z, 0-9 and -/);
  const ubuntu = page.locator('.choice', { has: newRequest.template('ubuntu-24.04') });
  await expect(ubuntu).toContainText('Ubuntu Linux (64-bit)');
  await expect(ubuntu).toContainText('2 CPUs · 2 GiB · 20 GiB disk');
});

test('asks for a VM and leads to its page', async ({ page, newRequest, watched, vmName }) => {
  await newRequest.ask(vmName, 'rocky-9');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(vmName);
  await expect(page.locator('.facts')).toContainText('rocky-9');
  expect(await watched.steps()).toHaveLength(6);
});

test.describe('a wrong form', () => {
  test.use({ expectedErrors: [/status of 422/] });

  test('says all that is wrong beside its fields and keeps what was typed', async ({
    page,
    newRequest,
  }) => {
    await newRequest.open();
    await newRequest.name.fill('Not_A_Name');
    await newRequest.cpus.fill('99');
    await newRequest.memory.fill('4 GiB');
    await page.locator('summary').click();
    await page.getByLabel('Fixed address').fill('10.0.0.300');
    const answer = page.waitForResponse((response) => response.url().includes('tried=true'));
    await newRequest.submit.click();
    expect((await answer).status()).toBe(422);

    await expect(newRequest.errors).toBeVisible();
    await expect(newRequest.errors).toBeFocused();
    await expect(newRequest.errors.getByRole('link')).toHaveText([
      'Name',
      'CPUs',
      'Memory in MiB',
      'Fixed address',
    ]);
    for (const [field, typed] of [
      [newRequest.name, 'Not_A_Name'],
      [newRequest.cpus, '99'],
      [newRequest.memory, '4 GiB'],
      [page.getByLabel('Fixed address'), '10.0.0.300'],
    ] as const) {
      await expect(field).toHaveValue(typed);
      await expect(field).toHaveAttribute('aria-invalid', 'true');
      const id = await field.getAttribute('id');
      await expect(page.locator(`#${id}-error`)).toBeVisible();
      await expect(field).toHaveAttribute('aria-describedby', `${id}-error ${id}-hint`);
    }
    await expect(page.getByLabel('Gateway')).not.toHaveAttribute('aria-invalid');

    await newRequest.errors.getByRole('link', { name: 'Memory in MiB' }).click();
    await expect(newRequest.memory).toBeFocused();
  });

  test('can be mended and sent again', async ({ page, newRequest, vmName }) => {
    await newRequest.open();
    await newRequest.name.fill('no spaces please');
    await newRequest.submit.click();
    await expect(newRequest.errors).toBeVisible();
    await newRequest.name.fill(vmName);
    await newRequest.submit.click();
    await page.waitForURL(/\/requests\/[0-9a-f-]{36}$/);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(vmName);
  });

  test('a name that is taken is said beside the name', async ({
    page,
    newRequest,
    server,
    vmName,
  }) => {
    await server.ask({ name: vmName });
    await newRequest.open();
    await newRequest.name.fill(vmName);
    await newRequest.submit.click();
    await expect(page.locator('#name-error')).toBeVisible();
    await expect(newRequest.name).toHaveValue(vmName);
  });
});

test('sent twice it makes one VM', async ({ page, newRequest, server, vmName }) => {
  await newRequest.open();
  await newRequest.name.fill(vmName);
  const key = await page.locator('input[name="key"]').getAttribute('value');
  const fields = { name: vmName, template: 'debian-12', cpus: '1', memoryMib: '1024', key: key ?? '' };
  const post = () => page.request.post('/requests', { form: fields, maxRedirects: 0 });
  const [first, second] = await Promise.all([post(), post()]);
  expect([first.status(), second.status()]).toEqual([303, 303]);
  expect(first.headers()['location']).toBe(second.headers()['location']);
  const list = await server.json<{ items: unknown[] }>(`/api/requests?q=${vmName}`);
  expect(list.items).toHaveLength(1);
});
