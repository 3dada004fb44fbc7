// The page about all requests, after two hundred runs.
import { test as base } from '../support/fixtures.ts';
import { Camera } from './camera.ts';

const test = base.extend<{ camera: Camera }>({
  camera: async ({ browser }, use) => {
    const camera = await Camera.unpack(browser);
    await use(camera);
    await camera.pack();
  },
});

const RUNS = 200;
const AT_ONCE = 8;
const TEMPLATES = ['ubuntu-24.04', 'debian-12', 'demo-fails-configuring'];

test.use({ settings: { STAGEWATCH_SIMULATED_DELAY: '120ms' } });

test('after two hundred runs', async ({ camera, server }) => {
  test.setTimeout(600_000);
  for (let run = 0; run < RUNS; run += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, index) => {
        // One in ten fails.
        const number = run + index;
        const template = number % 10 === 9 ? TEMPLATES[2] : TEMPLATES[number % 2];
        await server.finished(await server.ask({ name: `vm-${number}`, template }));
      }),
    );
  }
  await camera.point(`${server.origin}/insights`);
  await camera.shoot('insights');
});
