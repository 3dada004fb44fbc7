// The form that asks for a VM.
import { expect, type Locator, type Page } from '@playwright/test';

export class NewRequestPage {
  readonly name: Locator;
  readonly cpus: Locator;
  readonly memory: Locator;
  readonly submit: Locator;
  readonly errors: Locator;
  private readonly form: Locator;

  constructor(private readonly page: Page) {
    this.name = page.getByLabel('Name', { exact: true });
    this.cpus = page.getByLabel('CPUs', { exact: true });
    this.memory = page.getByLabel('Memory in MiB');
    this.submit = page.getByRole('button', { name: 'Ask for it' });
    this.form = page.locator('form[action="/requests"]');
    this.errors = page.getByRole('group', { name: /another value|could not be asked/ });
  }

  async open(): Promise<void> {
    await this.page.goto('/requests/new');
  }

  /** Waits until the browser has taken the form over. */
  async isHydrated(): Promise<void> {
    await expect(this.form).toHaveAttribute('data-hydrated');
  }

  template(name: string): Locator {
    return this.page.getByRole('radio', { name });
  }

  /** Asks for a VM, and waits for its page. */
  async ask(name: string, template = 'debian-12'): Promise<void> {
    await this.open();
    await this.name.fill(name);
    await this.template(template).check();
    await this.submit.click();
    await this.page.waitForURL(/\/requests\/[0-9a-f-]{36}$/);
  }
}
