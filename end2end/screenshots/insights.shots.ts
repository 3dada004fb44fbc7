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

function template(run: number): string {
  // One in ten fails.
  if (run % 10 === 9) return 'demo-fails-configuring';
  return run % 2 === 0 ? 'ubuntu-24.04' : 'debian-12';
}

test.use({ settings: { STAGEWATCH_SIMULATED_DELAY: '120ms' } });

test('after two hundred runs', async ({ camera, server }) => {
  test.setTimeout(600_000);
  for (let run = 0; run < RUNS; run += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, index) => {
        const wish = { name: `vm-${run + index}`, template: template(run + index) };
        await server.finished(await server.ask(wish));
      }),
    );
  }
  await camera.point(`${server.origin}/insights`);
  await camera.shoot('insights');
});
