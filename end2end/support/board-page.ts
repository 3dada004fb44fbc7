// The list of requests.
import { expect, type Locator, type Page } from '@playwright/test';

export class BoardPage {
  readonly rows: Locator;
  readonly liveness: Locator;
  readonly waiting: Locator;

  constructor(private readonly page: Page) {
    this.rows = page.locator('.row');
    this.liveness = page.locator('.liveness-line');
    this.waiting = page.getByRole('button', { name: /new requests?$/ });
  }

  async open(query = ''): Promise<void> {
    await this.page.goto(`/${query}`);
  }

  /** The row of the VM with this name. */
  row(name: string): Locator {
    return this.rows.filter({ has: this.page.getByText(name, { exact: true }) });
  }

  doing(name: string): Locator {
    return this.row(name).locator('.row-doing');
  }

  /** Waits until the stream moves the page. */
  async isLive(): Promise<void> {
    await expect(this.liveness).toHaveText(/^Live, \d+ s ago$/);
  }
}
