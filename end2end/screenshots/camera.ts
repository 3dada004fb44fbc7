// Four windows, narrow and wide, light and dark, that show the same and are photographed together.
import type { Browser, BrowserContext, Page } from '@playwright/test';
import { expect } from '../support/fixtures.ts';

const FOLDER = 'results/screenshots';
const WIDTHS = [320, 1280];
const SCHEMES = ['light', 'dark'] as const;

interface Window {
  readonly page: Page;
  readonly suffix: string;
}

export class Camera {
  private constructor(
    private readonly windows: Window[],
    readonly contexts: BrowserContext[],
  ) {}

  static async unpack(browser: Browser, locale = 'en-GB'): Promise<Camera> {
    const windows: Window[] = [];
    const contexts: BrowserContext[] = [];
    for (const width of WIDTHS) {
      for (const colorScheme of SCHEMES) {
        const context = await browser.newContext({
          viewport: { width, height: 720 },
          colorScheme,
          locale,
          timezoneId: 'Europe/Berlin',
        });
        contexts.push(context);
        windows.push({ page: await context.newPage(), suffix: `${width}-${colorScheme}${locale.startsWith('de') ? '-de' : ''}` });
      }
    }
    return new Camera(windows, contexts);
  }

  get pages(): Page[] {
    return this.windows.map((window) => window.page);
  }

  async point(address: string): Promise<void> {
    await this.each(({ page }) => page.goto(address));
  }

  /** Waits in every window until it is ready, and takes its picture. */
  async shoot(name: string, ready: (page: Page) => Promise<void> = async () => {}): Promise<void> {
    await this.each(({ page }) => ready(page));
    await this.each(async ({ page, suffix }) => {
      const path = `${FOLDER}/${name}-${suffix}.png`;
      await page.screenshot({ path, fullPage: true });
      const tooWide = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return scrollWidth - clientWidth;
      });
      expect(tooWide, `${path} is wider than its window`).toBeLessThanOrEqual(0);
    });
  }

  async pack(): Promise<void> {
    await Promise.all(this.contexts.map((context) => context.close()));
  }

  private async each(act: (window: Window) => Promise<unknown>): Promise<void> {
    await Promise.all(this.windows.map(act));
  }
}
