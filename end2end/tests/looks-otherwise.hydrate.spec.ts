// How pages look to who has chosen otherwise: in German, with more contrast, with the colours of the
// system, on paper; and with a real vCenter's troubles.
import { Camera } from '../support/camera.ts';
import { test } from '../support/fixtures.ts';
import { Server } from '../support/server.ts';
import type { Sight } from '../support/still.ts';
import { Vcsim } from '../support/vcsim.ts';

test.setTimeout(240_000);

const LIVE = '[data-link="live"]';
const HYDRATED: Sight = ['time', /^\d\d:\d\d:\d\d$/];

test('a vCenter that hangs, refuses and loses answers', async ({ browser }) => {
  const camera = await Camera.unpack(browser);
  const vcsim = await Vcsim.start();
  const server = await Server.start(vcsim.settings);
  const ask = (name: string) => server.ask({ name, template: 'ubuntu-24.04', cpus: 4, memoryMib: 8192 });
  try {
    await vcsim.slow('CloneVM_Task', 3_000);
    await vcsim.unanswered('CloneVM_Task');
    await vcsim.unanswered('ReconfigVM_Task');
    await vcsim.refuse('ReconfigVM_Task', 'InvalidDeviceSpec', 'The device is not allowed.');
    await vcsim.refuse('Destroy_Task', 'NoPermission', 'Permission to delete was denied.');
    const id = await ask('ci-runner-12');
    await server.finished(id);
    await camera.point(`${server.origin}/requests/${id}`);
    await camera.shoot('needs-attention', '.request[data-status="needs_attention"]', '.tries', HYDRATED);
    await fetch(`${server.origin}/api/requests/${id}/retry`, { method: 'POST' });
    await server.finished(id);
    await camera.point(`${server.origin}/requests/${id}`);
    await camera.shoot('ready-at-last', '.request[data-status="ready"]', '.attempts .try', HYDRATED);

    const cut = await ask('web-eu-3');
    await camera.point(`${server.origin}/requests/${cut}`);
    await camera.pages[0]?.locator('[data-stage="CLONING"][data-state="active"]').waitFor();
    vcsim.standStill();
    try {
      await camera.shoot('vcenter-away', LIVE, ['.waiting .note-title', /^vCenter is not answering$/], ['.waiting-next', /\d/]);
    } finally {
      vcsim.goOn();
    }
    await server.finished(cut);
    await camera.point(`${server.origin}/requests/${cut}`);
    await camera.hold('.request[data-status="ready"]');
  } finally {
    await camera.pack();
    await server.stop();
    await vcsim.stop();
  }
});

test('in German', async ({ browser }) => {
  const camera = await Camera.unpack(browser, 'de-DE');
  const server = await Server.start({ STAGEWATCH_SIMULATED_DELAY: '700ms', STAGEWATCH_SLOW_AFTER: '3s' });
  try {
    const failed = await server.ask({ name: 'ci-runner-12', template: 'demo-fails-configuring' });
    await server.finished(failed);
    const ready = await server.ask({ name: 'build-agent-01' });
    await server.finished(ready);
    const slow = await server.askToStay('warehouse-db-2');
    await camera.point(`${server.origin}/requests/new`);
    await camera.shoot('form', 'form[data-hydrated]');
    await camera.point(`${server.origin}/requests/${failed}`);
    await camera.shoot('failed', '.timeline', HYDRATED);
    await camera.point(`${server.origin}/requests/${ready}`);
    await camera.shoot('ready', '.timeline', HYDRATED);
    await camera.point(`${server.origin}/requests/${slow}`);
    await camera.shoot('slow', LIVE, '.slow .note', ['.step-why', /nur lokal/]);
    await camera.point(`${server.origin}/`);
    await camera.shoot('list', LIVE);
  } finally {
    await camera.pack();
    await server.stop();
  }
});

test('with more contrast, with the colours of the system, and on paper', async ({ browser }) => {
  const camera = await Camera.unpack(browser);
  const server = await Server.start({ STAGEWATCH_SIMULATED_DELAY: '700ms' });
  try {
    const failed = await server.ask({ name: 'qa-linux-7', template: 'demo-fails-configuring' });
    await server.finished(failed);
    const running = await server.askToStay('lab-14');
    for (const [name, id, sights] of [
      ['failed', failed, ['.timeline', HYDRATED]],
      ['running', running, [LIVE, ['.step-why', /link-local/]]],
    ] satisfies [string, string, Sight[]][]) {
      await camera.point(`${server.origin}/requests/${id}`);
      await camera.hold(...sights);
      for (const [how, media] of [
        ['contrast', { contrast: 'more' }],
        ['forced-colours', { contrast: null, forcedColors: 'active' }],
        ['print', { forcedColors: null, media: 'print' }],
      ] as const) {
        for (const page of camera.pages) await page.emulateMedia(media);
        await camera.compare(`${how}-${name}`);
      }
      for (const page of camera.pages) await page.emulateMedia({ media: null });
    }
  } finally {
    await camera.pack();
    await server.stop();
  }
});
