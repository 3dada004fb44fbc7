// The pages for a browser that asks for German: every page is wholly German, with JavaScript and without.
import type { Page } from '@playwright/test';
import { isAccessible } from '../support/axe.ts';
import { expect, test } from '../support/fixtures.ts';

test.use({
  locale: 'de-DE',
  expectedErrors: [/status of (404|422)/],
  // The simulated guest of one template never gets an address: a short deadline makes it fail soon.
  settings: { VSPHERE_NETWORK_TIMEOUT: '4s' },
});

/** What is not the page's own: names that a person gave, vCenter's words, the journal's fields. */
const NOT_OURS = [
  'script', 'style', 'noscript', 'code', '.row-name', '.row-from', '.choice-name', '.choice-guest',
  '.facts li:first-child', '.history dl', 'strong',
  'select[name="template"] option', '.frame-name',
].join(',');

/** Words of the English pages that no German page has. */
const ENGLISH = new RegExp(
  `\\b(the|of|and|is|are|not|has|have|left|about|usually|took|takes|ago|with|from|this|that|it|to|for|how|what|${[
    'requests?', 'stages?', 'events?', 'ready', 'failed', 'queued', 'cancel(led)?', 'undone', 'done',
    'copy', 'asked?', 'show', 'address', 'network', 'memory', 'template', 'history', 'cloning', 'must',
    'insights', 'skip', 'newest', 'older', 'refresh', 'taken', 'earlier', 'attempts?', 'progress',
  ].join('|')})\\b`,
  'gi',
);

/** Nothing on the page is English, and nothing is wider than the window. */
async function isGerman(page: Page): Promise<void> {
  await expect(page.locator('html')).toHaveAttribute('lang', 'de');
  const said = await page.evaluate((notOurs) => {
    const copy = document.body.cloneNode(true) as HTMLElement;
    for (const element of copy.querySelectorAll(notOurs)) element.remove();
    const labels = ['aria-label', 'title', 'aria-valuetext', 'placeholder'].flatMap((name) =>
      [...copy.querySelectorAll(`[${name}]`)].map((element) => element.getAttribute(name) ?? ''),
    );
    const texts = [...copy.querySelectorAll('*')].flatMap((element) =>
      [...element.childNodes]
        .filter((node) => node.nodeType === Node.TEXT_NODE)
        .map((node) => node.textContent ?? ''),
    );
    return [document.title, ...labels, ...texts].map((text) => text.trim()).filter(Boolean);
  }, NOT_OURS);
  const english = said.filter((text) => text.match(ENGLISH) !== null);
  expect(english, `English on ${page.url()}`).toEqual([]);
  const [wide, window] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  expect(wide, page.url()).toBeLessThanOrEqual(window ?? 0);
}

for (const width of [320, 1280]) {
  test.describe(`${width} px wide`, () => {
    test.use({ viewport: { width, height: 900 } });

    test('a request through its stages', async ({ javaScriptEnabled, page, server, vmName }) => {
      await page.goto('/requests/new');
      await isGerman(page);
      await page.getByLabel('Name', { exact: true }).fill(vmName);
      await page.getByRole('radio', { name: 'debian-12' }).check();
      await page.getByRole('button', { name: 'Anfordern' }).click();
      await page.waitForURL(/\/requests\/[0-9a-f-]{36}$/);
      await isGerman(page);
      const id = new URL(page.url()).pathname.split('/').at(-1) ?? '';
      expect(await server.finished(id)).toBe('ready');
      // With JavaScript the stream has brought it there, without the page loads itself again.
      await expect(page.locator('.eta-answer')).toHaveText(/^Bereit in \d/);
      await expect(page.locator('.step-label')).toHaveText([
        'Angelegt', 'Klonen aus Vorlage', 'Konfiguration anwenden', 'VM starten', 'Auf Netzwerk warten',
        'Bereit',
      ]);
      await expect(page).toHaveTitle(`Bereit · ${vmName} · Stagewatch`);
      await isGerman(page);
      if (javaScriptEnabled !== false) await isAccessible(page);
      for (const [link, heading] of [
        ['Verlauf', 'Verlauf'],
        ['Noch einmal ansehen', 'Aufzeichnung'],
      ] as const) {
        await page.goto(`/requests/${id}`);
        await page.getByRole('link', { name: link }).click();
        await expect(page.getByRole('heading', { level: 1 })).toHaveText(heading);
        await isGerman(page);
      }
      await page.goto(`/?q=${vmName}`);
      await expect(page.locator('.row-doing')).toHaveText(/^Bereit, /);
      await isGerman(page);
      if (javaScriptEnabled !== false) await isAccessible(page);
    });

    test('a form with errors', async ({ javaScriptEnabled, page }) => {
      await page.goto('/requests/new?name=Not_A_Name&cpus=x&memoryMib=1&ipAddress=z&tried=true');
      await expect(page.locator('.errors h2')).toHaveText(/^\d Felder brauchen einen anderen Wert$/);
      await expect(page.locator('#cpus-error')).toHaveText('muss eine ganze Zahl sein');
      await isGerman(page);
      if (javaScriptEnabled !== false) await isAccessible(page);
    });

    test('a failed request', async ({ page, server, vmName }) => {
      const id = await server.ask({ name: vmName, template: 'demo-no-address' });
      expect(await server.finished(id)).toBe('failed');
      await page.goto(`/requests/${id}`);
      await expect(page.locator('.eta-answer')).toHaveText('Die VM hat keine Adresse bekommen');
      await expect(page.locator('.failure-undone')).toHaveText('Es ist nichts zurückgeblieben.');
      await isGerman(page);
      await page.goto(`/requests/${id}/history`);
      await isGerman(page);
      await page.goto('/insights');
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Einblicke');
      await isGerman(page);
    });

    test('what is not there', async ({ page }) => {
      for (const [address, heading] of [
        ['/nowhere', 'Seite nicht gefunden'],
        ['/requests/019ab000-0000-7000-8000-000000000001', 'Nicht gefunden'],
        ['/?status=sleepy', 'Das kann nicht angezeigt werden'],
      ] as const) {
        await page.goto(address);
        await expect(page.getByRole('heading', { level: 1 })).toHaveText(heading);
        await isGerman(page);
      }
    });
  });
}
