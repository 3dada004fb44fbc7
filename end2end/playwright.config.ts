// The page in Chromium, with JavaScript and without. Each worker has a server of its own.
import { defineConfig } from '@playwright/test';
import { launchOptions } from './support/chromium.ts';
import type { ServerOptions } from './support/fixtures.ts';

export default defineConfig<object, ServerOptions>({
  testDir: 'tests',
  outputDir: 'results/tests',
  snapshotPathTemplate: 'screenshots/{arg}{ext}',
  // A picture that is missing is a failure, not a first picture.
  updateSnapshots: 'none',
  // A test that is green the second time is not green.
  retries: 0,
  // Each has a PostgreSQL, a server and a browser.
  workers: 2,
  fullyParallel: false,
  forbidOnly: true,
  // The longest wait of any one fact is the 20 s within which a cut connection must be noticed.
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: 'list',
  use: {
    launchOptions,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    trace: 'retain-on-failure',
  },
  projects: [
    { name: 'with JavaScript', use: { javaScriptEnabled: true } },
    {
      name: 'without JavaScript',
      use: { javaScriptEnabled: false },
      testIgnore: /.*\.hydrate\.spec\.ts/,
    },
  ],
});
