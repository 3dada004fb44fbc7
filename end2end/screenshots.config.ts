// Every state of every page at 320 and 1280 pixels, light and dark, into results/screenshots/:
// to be looked at by a person (`npm run screenshots`).
import { defineConfig } from '@playwright/test';
import { launchOptions } from './support/chromium.ts';
import type { ServerOptions } from './support/fixtures.ts';

export default defineConfig<object, ServerOptions>({
  testDir: 'screenshots',
  testMatch: '*.shots.ts',
  outputDir: 'results/screenshot-runs',
  workers: 1,
  // Each state is waited for in four windows.
  timeout: 180_000,
  expect: { timeout: 60_000 },
  reporter: 'list',
  use: { launchOptions, locale: 'en-GB', timezoneId: 'Europe/Berlin' },
});
