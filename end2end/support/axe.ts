// What axe finds, in light and in dark.
import { AxeBuilder } from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

export async function isAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const { violations, passes } = await new AxeBuilder({ page }).analyze();
    const found = violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]);
    expect(found, `${page.url()} in ${colorScheme}`).toEqual([]);
    const what = `${new URL(page.url()).pathname.replace(/[0-9a-f-]{36}/, '{id}')} in ${colorScheme}`;
    console.log(`axe: ${what}: ${passes.length} rules hold, none is broken`);
  }
}
