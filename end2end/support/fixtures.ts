// What every test gets: a server of its worker, and a page that must not complain.
import { test as base, expect } from '@playwright/test';
import { NewRequestPage } from './new-request-page.ts';
import { RequestPage } from './request-page.ts';
import { Server, type Settings } from './server.ts';

export interface ServerOptions {
  /** Settings of the worker's server, besides those of every test. */
  settings: Settings;
}

interface WorkerFixtures extends ServerOptions {
  server: Server;
}

interface Fixtures {
  /** Errors of the console that a test expects, as the one that goes with a page's own 404. */
  expectedErrors: RegExp[];
  /** A page fails its test by any error in it or in its console. */
  watchConsole: void;
  newRequest: NewRequestPage;
  watched: RequestPage;
  /** A name that no other test uses. */
  vmName: string;
}

/** Short enough for tests, long enough to see each stage. */
const DELAY = '600ms';
let names = 0;

export const test = base.extend<Fixtures, WorkerFixtures>({
  settings: [{}, { option: true, scope: 'worker' }],
  server: [
    async ({ settings }, use) => {
      const server = await Server.start({ STAGEWATCH_SIMULATED_DELAY: DELAY, ...settings });
      await use(server);
      await server.stop();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  baseURL: async ({ server }, use) => use(server.origin),
  expectedErrors: async ({}, use) => use([]),
  watchConsole: [
    async ({ context, expectedErrors, javaScriptEnabled }, use) => {
      const complaints: string[] = [];
      // Without JavaScript nobody uses the program that the page announces.
      const idle = javaScriptEnabled === false ? [/was preloaded using link preload/] : [];
      context.on('console', (message) => {
        const isComplaint = message.type() === 'error' || message.type() === 'warning';
        if (isComplaint) complaints.push(`${message.type()}: ${message.text()}`);
      });
      context.on('weberror', (error) => complaints.push(`uncaught: ${error.error().stack}`));
      await use();
      const unexpected = complaints.filter(
        (complaint) => ![...expectedErrors, ...idle].some((expected) => expected.test(complaint)),
      );
      expect(unexpected, 'the page complains').toEqual([]);
    },
    { auto: true },
  ],
  page: async ({ page, javaScriptEnabled }, use) => {
    if (javaScriptEnabled === false) {
      // A page without JavaScript loads itself again every few seconds, just now perhaps, and that ends
      // what would lead away from it.
      const goto = page.goto.bind(page);
      page.goto = async (...to) => {
        for (;;) {
          try {
            return await goto(...to);
          } catch (error) {
            if (!/interrupted by another navigation|ERR_ABORTED/.test(String(error))) throw error;
            await page.waitForLoadState();
          }
        }
      };
    }
    await use(page);
  },
  newRequest: async ({ page }, use) => use(new NewRequestPage(page)),
  watched: async ({ page, javaScriptEnabled }, use) =>
    use(new RequestPage(page, javaScriptEnabled !== false)),
  vmName: async ({}, use, info) => {
    names += 1;
    await use(`vm-${info.workerIndex}-${names}`);
  },
});

export { expect };
