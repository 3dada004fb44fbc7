// Two windows, wide and light, narrow and dark, that show the same state, are held still and compared
// with the pictures in screenshots/.
import type { Browser, BrowserContext, Page } from '@playwright/test';
import { expect } from '@playwright/test';
import { holdStill, type Sight } from './still.ts';

const WINDOWS = [
  { width: 1280, colorScheme: 'light', name: 'wide' },
  { width: 320, colorScheme: 'dark', name: 'narrow' },
] as const;

/**
 * How many pixels may differ, besides those at the edges of glyphs, which are not counted: what another
 * version of the browser rounds otherwise. Two words of small, grey text are more.
 */
const MAX_DIFF_PIXELS = 40;

interface Window {
  readonly page: Page;
  readonly name: string;
}

export class Camera {
  private constructor(
    private readonly windows: Window[],
    readonly contexts: BrowserContext[],
    private readonly suffix: string,
  ) {}

  static async unpack(browser: Browser, locale = 'en-GB'): Promise<Camera> {
    const windows: Window[] = [];
    const contexts: BrowserContext[] = [];
    for (const { width, colorScheme, name } of WINDOWS) {
      const viewport = { width, height: 720 };
      const context = await browser.newContext({ viewport, colorScheme, locale, timezoneId: 'Europe/Berlin' });
      contexts.push(context);
      windows.push({ page: await context.newPage(), name });
    }
    return new Camera(windows, contexts, locale.startsWith('de') ? '-german' : '');
  }

  get pages(): Page[] {
    return this.windows.map(({ page }) => page);
  }

  async point(address: string): Promise<void> {
    await Promise.all(this.pages.map((page) => page.goto(address)));
  }

  /**
   * Holds each window still in the very frame in which it shows all of `sights`, and compares it with
   * the picture of this name. The page is dead afterwards: the next picture needs `point` again.
   */
  async shoot(name: string, ...sights: Sight[]): Promise<void> {
    await this.hold(...sights);
    await this.compare(name);
  }

  async hold(...sights: Sight[]): Promise<void> {
    await Promise.all(this.pages.map((page) => holdStill(page, sights)));
  }

  /** Compares what was held still. */
  async compare(name: string): Promise<void> {
    for (const { page, name: window } of this.windows) {
      const picture = `${name}${this.suffix}-${window}.png`;
      const isTooWide = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return scrollWidth > clientWidth;
      });
      expect.soft(isTooWide, `${picture} is wider than its window`).toBe(false);
      await expect.soft(page).toHaveScreenshot(picture, {
        fullPage: true,
        animations: 'disabled',
        maxDiffPixels: MAX_DIFF_PIXELS,
      });
    }
  }

  async pack(): Promise<void> {
    await Promise.all(this.contexts.map((context) => context.close()));
  }
}
