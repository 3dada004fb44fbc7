// The page of one request.
import { expect, type Locator, type Page } from '@playwright/test';

/** The stages as the stepper shows them, in order. */
export const LABELS = [
  'Created',
  'Cloning from template',
  'Apply configuration',
  'Start VM',
  'Wait for network',
  'Ready',
] as const;

/** One stage as a person reads it. */
export interface Step {
  stage: string;
  state: string;
  label: string;
  word: string;
  completedAt: string | null;
  times: string;
}

export class RequestPage {
  readonly answer: Locator;
  readonly liveness: Locator;
  readonly address: Locator;
  readonly failure: Locator;
  readonly slow: Locator;

  /** `hasScript`: whether JavaScript runs in the page. */
  constructor(private readonly page: Page, private readonly hasScript = true) {
    this.answer = page.locator('.eta-answer');
    this.liveness = page.locator('.liveness-line');
    this.address = page.getByRole('region', { name: 'The VM' }).locator('.address');
    this.failure = page.getByRole('region', { name: 'Failure' });
    this.slow = page.getByText('Provisioning is taking longer than usual...');
  }

  async open(id: string): Promise<void> {
    await this.page.goto(`/requests/${id}`);
  }

  /** Cancels by the page's buttons. Without JavaScript the question has an address of its own. */
  async cancel(): Promise<void> {
    const yes = this.page.getByRole('button', { name: 'Cancel the request' });
    await expect(async () => {
      if (!(await yes.isVisible())) await this.toQuestion.click({ timeout: 2_000 });
      await yes.click({ timeout: 2_000 });
    }).toPass();
    await this.page.locator('.request:not([data-status="provisioning"]):not([data-status="queued"])').waitFor();
  }

  /** Tries again by the page's button. Has happened when the page shows one attempt more. */
  async tryAgain(): Promise<void> {
    const earlier = this.page.locator('.attempt');
    const before = await earlier.count();
    await this.page.getByRole('button', { name: 'Try again' }).click();
    await expect(earlier).toHaveCount(before + 1);
  }

  /** What leads to the question before a cancellation. */
  get toQuestion(): Locator {
    return this.page.locator('summary, .to-question a').filter({ hasText: 'Cancel', visible: true });
  }

  step(stage: string): Locator {
    return this.page.locator(`[data-stage="${stage}"]`);
  }

  get spinner(): Locator {
    return this.page.locator('[data-state="active"] .spinner');
  }

  /**
   * Waits until a stage has a state. Looks at every frame where a script can: an assertion looks again
   * after half a second, and could miss a quick stage.
   */
  async reaches(stage: string, state: string): Promise<void> {
    const there = `[data-stage="${stage}"][data-state="${state}"]`;
    if (this.hasScript) await this.page.waitForFunction((there) => document.querySelector(there) !== null, there);
    else await this.page.locator(there).waitFor();
  }

  /** Waits until the stream moves the page. */
  async isLive(): Promise<void> {
    await expect(this.liveness).toHaveText(/^Live, event \d+, \d+ s ago$/);
  }

  /** Waits until the page says that it asks every few seconds. */
  async isPolling(): Promise<void> {
    await expect(this.liveness).toHaveText(/^Checking every 3 s, event \d+, \d+ s ago$/);
  }

  /** All stages as they are shown now. */
  async steps(): Promise<Step[]> {
    return this.page.locator('.step').evaluateAll((steps) =>
      steps.map((step) => {
        const text = (selector: string) => step.querySelector(selector)?.textContent?.trim() ?? '';
        return {
          stage: step.getAttribute('data-stage') ?? '',
          state: step.getAttribute('data-state') ?? '',
          label: text('.step-label'),
          word: text('.step-state'),
          completedAt: step.querySelector('time')?.getAttribute('datetime') ?? null,
          times: text('.step-times'),
        };
      }),
    );
  }
}
