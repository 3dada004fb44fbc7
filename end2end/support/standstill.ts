// A page that stands still for a while, as a tab does that the browser has frozen, or a whole browser
// on a laptop that sleeps: nothing in it runs, and then everything goes on.
import type { Page, Route } from '@playwright/test';

const HELD = '**/held-by-a-test';

export class Standstill {
  private constructor(
    private readonly page: Page,
    private readonly route: Route,
    private readonly standing: Promise<void>,
  ) {}

  /** From here on nothing in the page runs: it waits for an answer that does not come. */
  static async of(page: Page): Promise<Standstill> {
    const asked = new Promise<Route>((resolve) => void page.route(HELD, resolve));
    const standing = page.evaluate(() => {
      const question = new XMLHttpRequest();
      question.open('GET', '/held-by-a-test', false);
      question.send();
    });
    return new Standstill(page, await asked, standing);
  }

  async end(): Promise<void> {
    await this.route.fulfill({ contentType: 'text/plain', body: 'go on' });
    await this.standing;
    await this.page.unroute(HELD);
  }
}
