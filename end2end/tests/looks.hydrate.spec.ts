// How every state of a request looks, against the pictures in screenshots/, which were looked at one by
// one. A wanted change is drawn anew by `npm run screenshots`, and looked at.
import type { BrowserContext } from '@playwright/test';
import { Cable } from '../support/cable.ts';
import { Camera } from '../support/camera.ts';
import { test as base } from '../support/fixtures.ts';
import { Server } from '../support/server.ts';
import type { Sight } from '../support/still.ts';

const test = base.extend<{ camera: Camera }>({
  camera: async ({ browser }, use) => {
    const camera = await Camera.unpack(browser);
    await use(camera);
    await camera.pack();
  },
});

test.setTimeout(240_000);

const AGENT = { template: 'ubuntu-24.04', cpus: 4, memoryMib: 8192 };
const LIVE = '[data-link="live"]';
/** A moment in the reader's words: the page of an ended request is hydrated. */
const HYDRATED: Sight = ['time', /^\d\d:\d\d:\d\d$/];

/** A stage in a state. */
function stage(name: string, state: string): string {
  return `[data-stage="${name}"][data-state="${state}"]`;
}

/** A request as it ended. */
function ended(status: string): Sight[] {
  return [`.request[data-status="${status}"]`, '.timeline', HYDRATED];
}

test.describe('before anything was asked for', () => {
  test('the list, the form, and what is not there', async ({ camera }) => {
    const server = await Server.start({});
    try {
      await camera.point(`${server.origin}/`);
      await camera.shoot('empty', '.empty', '[data-link="live"]');
      await camera.point(`${server.origin}/requests/new`);
      await camera.shoot('form', 'form[data-hydrated]');
      const wrong = 'name=Bad_Name&template=debian-12&cpus=99&memoryMib=4+GiB&ipAddress=10.0.0.300';
      await camera.point(`${server.origin}/requests/new?${wrong}&tried=true`);
      await camera.shoot('form-errors', 'form[data-hydrated]', '.errors');
      await camera.point(`${server.origin}/no/such/page`);
      await camera.shoot('not-found', '.problem');
    } finally {
      await server.stop();
    }
  });
});

const STAGES = [
  ['cloning', 'CLONING', /%/],
  ['configuring', 'CONFIGURING', /%/],
  ['starting', 'POWERING_ON', /%/],
  ['network', 'WAITING_FOR_NETWORK', /Tools/],
] as const;

test('each stage, with and without an estimate', async ({ browser, camera }) => {
  const cameras = await Promise.all(STAGES.map(() => Camera.unpack(browser)));
  const server = await Server.start({ STAGEWATCH_SIMULATED_DELAY: '3s', STAGEWATCH_WORKERS: '4' });
  /** While all workers are busy pages can be opened before their requests begin. */
  const busy = () => Promise.all(['1', '2', '3', '4'].map((n) => server.askToStay(`busy-${n}`)));
  const over = (ids: string[]) => Promise.all(ids.map((id) => server.cancel(id)));
  const asked = async (of: Camera, n: number) => {
    const id = await server.ask({ name: `build-agent-0${n}`, ...AGENT });
    await of.point(`${server.origin}/requests/${id}`);
    await Promise.all(of.pages.map((page) => page.locator(LIVE).waitFor()));
    return id;
  };
  try {
    const before = await busy();
    const first = await asked(camera, 1);
    const seen = camera.hold(LIVE, stage('CLONING', 'active'), ['.step-why', /%/]);
    await over(before);
    await seen;
    await camera.compare('cloning-no-estimate');
    const others = await Promise.all([2, 3, 4].map((n) => server.ask({ name: `build-agent-0${n}`, ...AGENT })));
    await Promise.all([first, ...others].map((id) => server.finished(id)));

    const again = await busy();
    const ids = await Promise.all(cameras.map((each, n) => asked(each, n + 5)));
    const held = STAGES.map(([, of, why], n) =>
      cameras[n]?.hold(LIVE, stage(of, 'active'), ['.eta-answer', /left/], ['.step-why', why]),
    );
    await over(again);
    await Promise.all(held);
    for (const [n, [name]] of STAGES.entries()) await cameras[n]?.compare(name);
    await Promise.all(ids.map((id) => server.finished(id)));
    await camera.point(`${server.origin}/requests/${first}`);
    await camera.shoot('ready', ...ended('ready'));

    const flaky = await server.ask({ name: 'mail-gateway-2', template: 'demo-flaky' });
    await camera.point(`${server.origin}/requests/${flaky}`);
    await camera.shoot('try-again', LIVE, '.waiting .note');
  } finally {
    for (const used of cameras) await used.pack();
    await server.stop();
  }
});

test('waiting, slow, cancelled, and looked back at', async ({ camera }) => {
  const server = await Server.start({
    STAGEWATCH_WORKERS: '2',
    STAGEWATCH_SLOW_AFTER: '3s',
    STAGEWATCH_SIMULATED_DELAY: '1500ms',
  });
  const open = (id: string) => camera.point(`${server.origin}/requests/${id}`);
  try {
    const flaky = await server.ask({ name: 'mail-gateway-2', template: 'demo-flaky' });
    await server.finished(flaky);
    const refused = await server.ask({ name: 'ci-runner-12', template: 'demo-fails-configuring' });
    await server.finished(refused);
    await open(refused);
    await camera.shoot('failed', ...ended('failed'));

    const slow = await server.askToStay('warehouse-db-2');
    await open(slow);
    await camera.shoot('slow', LIVE, '.slow .note', ['.step-why', /link-local/]);
    const undone = await server.askToStay('lab-12');
    const queued = await server.ask({ name: 'billing-api-2' });
    const last = await server.ask({ name: 'a-name-that-is-as-long-as-a-dns-label-may-be-63-characters-long' });
    await open(last);
    await camera.shoot('queued', LIVE, ['.eta-answer, .eta-note', /ahead|before/]);
    await camera.point(`${server.origin}/`);
    await camera.shoot('list', LIVE, ['.row-doing', /ahead|before/]);

    await open(undone);
    const seen = camera.hold('.request[data-status="undoing"]', '.undo-step');
    await server.cancel(undone);
    await seen;
    await camera.compare('undoing');
    await Promise.all([undone, queued, last].map((id) => server.finished(id)));
    await open(undone);
    await camera.shoot('cancelled', ...ended('cancelled'));
    await camera.point(`${server.origin}/requests/${undone}/replay?at=5`);
    await camera.shoot('replay', '.replay-controls:not([hidden])', HYDRATED);
    await fetch(`${server.origin}/api/requests/${undone}/retry`, { method: 'POST' });
    await open(undone);
    await camera.shoot('another-attempt', LIVE, '.attempts', ['.step-why', /link-local/]);
  } finally {
    await server.stop();
  }
});

test('how fresh it is', async ({ camera }) => {
  const server = await Server.start({});
  const cable = await Cable.to(server.origin);
  const everywhere = (act: (context: BrowserContext) => Promise<unknown>) => Promise.all(camera.contexts.map(act));
  try {
    const id = await server.askToStay('qa-linux-5');
    const why: Sight = ['.step-why', /link-local/];
    const see = async (link: string, origin = server.origin) => {
      await camera.point(`${origin}/requests/${id}`);
      await Promise.all(camera.pages.map((page) => page.locator(`[data-link="${link}"]`).waitFor()));
      // The last that the stream will tell: nothing moves any more by itself.
      if (link === 'live') await Promise.all(camera.pages.map((page) => page.getByText('link-local').waitFor()));
    };
    await see('live', cable.origin);
    cable.cut();
    await camera.shoot('reconnecting', '[data-link="reconnecting"]', why);

    await everywhere((context) => context.route('**/events?*', (route) => route.abort()));
    await see('polling');
    await camera.shoot('polling', '[data-link="polling"]');
    await see('polling');
    await everywhere((context) => context.setOffline(true));
    await camera.shoot('offline', '[data-link="offline"]');
    await everywhere((context) => context.setOffline(false));
    await everywhere((context) => context.unroute('**/events?*'));

    await server.crash();
    await camera.point(`${server.origin}/requests/${id}`);
    await camera.shoot('resumed', LIVE, '.interruption', why);

    await see('live');
    const seen = camera.hold(LIVE, ['.liveness-line', /not answering/], why);
    await server.stopDatabase();
    try {
      await seen;
    } finally {
      await server.resumeDatabase();
    }
    await camera.compare('degraded');
  } finally {
    cable.close();
    await server.stop();
  }
});
