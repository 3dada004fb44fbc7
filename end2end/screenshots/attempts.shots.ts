// Attempts with their failed tries, and the chart against what is usual, in English and in German.
import { test } from '../support/fixtures.ts';
import { Server } from '../support/server.ts';
import { Vcsim } from '../support/vcsim.ts';
import { Camera } from './camera.ts';

const WISH = { template: 'ubuntu-24.04', cpus: 4, memoryMib: 8192 };

test('a finished request with an earlier attempt', async ({ browser }) => {
  const vcsim = await Vcsim.start();
  const server = await Server.start(vcsim.settings);
  const cameras = [await Camera.unpack(browser), await Camera.unpack(browser, 'de-DE')];
  const shoot = async (name: string, id: string, selector: string) => {
    for (const camera of cameras) {
      await camera.point(`${server.origin}/requests/${id}`);
      await camera.shoot(name, (page) => page.locator(selector).first().waitFor());
    }
  };
  try {
    // What is usual: clones of one to three seconds, say.
    for (const [n, delay] of [1_000, 1_400, 1_800, 2_200, 2_600, 3_000].entries()) {
      await vcsim.slow('CloneVM_Task', delay);
      await vcsim.slow('PowerOnVM_Task', delay / 4);
      await server.finished(await server.ask({ name: `build-agent-0${n}`, ...WISH }));
    }
    await vcsim.unanswered('CloneVM_Task');
    await vcsim.unanswered('ReconfigVM_Task');
    await vcsim.refuse('ReconfigVM_Task', 'InvalidDeviceSpec', 'The device is not allowed.');
    const id = await server.ask({ name: 'build-agent-07', ...WISH });
    await server.finished(id);
    await shoot('failed-after-tries', id, '.tries');
    await vcsim.slow('CloneVM_Task', 9_000);
    await fetch(`${server.origin}/api/requests/${id}/retry`, { method: 'POST' });
    await server.finished(id);
    await shoot('earlier-attempt', id, '.timeline-band');
  } finally {
    for (const camera of cameras) await camera.pack();
    await server.stop();
    await vcsim.stop();
  }
});
