// The main job: asks for a VM and sees each stage come, without loading the page again.
import { expect, test } from '../support/fixtures.ts';
import { LABELS, type Step } from '../support/request-page.ts';

// A busy machine loads the page before the last stage begins.
test.use({ settings: { STAGEWATCH_SIMULATED_DELAY: '2500ms' } });

test('each stage comes by itself, up to Ready with the address', async ({
  page,
  newRequest,
  watched,
  server,
  vmName,
}) => {
  await newRequest.ask(vmName);
  const id = page.url().split('/').at(-1) ?? '';
  // A page that is loaded again forgets this.
  await page.evaluate(() => Object.assign(window, { sameDocument: true }));
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(vmName);

  // Every state that the stepper is in, as soon as it is in it, with the title and what is spoken.
  const seen = await page.evaluate(
    () =>
      new Promise<{ states: string[]; titles: string[]; spoken: string[] }>((resolve) => {
        const [states, titles, spoken]: [string[], string[], string[]] = [[], [], []];
        const add = (list: string[], entry: string) => {
          if (entry !== '' && entry !== list.at(-1)) list.push(entry);
        };
        const look = () => {
          const steps = [...document.querySelectorAll('.step')];
          add(states, steps.map((step) => step.getAttribute('data-state')).join(' '));
          add(titles, document.title);
          add(spoken, document.querySelector('[data-announcer]')?.textContent ?? '');
          if (steps.at(-1)?.getAttribute('data-state') === 'done' && /^Ready/.test(document.title)) {
            observer.disconnect();
            resolve({ states, titles, spoken });
          }
        };
        const observer = new MutationObserver(look);
        observer.observe(document, {
          subtree: true, childList: true, characterData: true, attributes: true,
        });
        look();
      }),
  );
  const active = seen.states.map((states) => states.split(' ').indexOf('active'));
  const stages = active.filter((index) => index >= 0);
  const first = stages[0] ?? 4;
  expect(first, seen.states.join('\n')).toBeLessThan(4);
  // Each that is still to come when the page is there is seen, and they only go forward.
  expect(stages.filter((stage, index) => stage !== stages[index - 1])).toEqual([0, 1, 2, 3, 4].slice(first));
  expect(seen.titles.join("\n")).toMatch(new RegExp(`^5/6 Wait for network(, .+)? · ${vmName} · Stagewatch$`, "m"));
  expect(seen.spoken).toContain('Wait for network: in progress');
  await expect(page.locator('[data-announcer]')).toHaveText('Ready');

  const { vm } = await server.json<{ vm: { ipAddress: string } }>(`/api/requests/${id}`);
  await expect(watched.address).toHaveText(vm.ipAddress);
  await expect(watched.answer).toHaveText(/^Ready in \d+(\.\d)? s$/);
  await expect(watched.liveness).toHaveText(/^Ended \d{2}:\d{2}:\d{2}$/);
  await expect(page).toHaveTitle(`Ready · ${vmName} · Stagewatch`);
  const isSame = await page.evaluate(() => 'sameDocument' in window);
  expect(isSame, 'the page was not loaded again').toBe(true);

  const steps = await watched.steps();
  expect(steps.map((step) => step.label)).toEqual([...LABELS]);
  expect(steps.map((step) => step.word)).toEqual(LABELS.map(() => '(done)'));
  await agreesWithTheServer(steps, server, id);
});

test('a reload in the middle loses nothing', async ({ page, watched, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  await watched.open(id);
  await watched.reaches('CONFIGURING', 'active');
  await watched.isLive();
  const before = (await watched.steps()).filter((step) => step.state === 'done');
  expect(before.length).toBeGreaterThanOrEqual(2);
  await page.reload();
  await watched.isLive();
  const after = await watched.steps();
  for (const step of before) {
    expect(after.find((other) => other.stage === step.stage)).toEqual(step);
  }
  await watched.reaches('READY', 'done');
  await agreesWithTheServer(await watched.steps(), server, id);
});

test('the active stage has three dots and says what it is', async ({ watched, server, vmName }) => {
  await watched.open(await server.ask({ name: vmName, template: 'demo-slow-clone' }));
  await watched.reaches('CLONING', 'active');
  const cloning = watched.step('CLONING');
  await expect(cloning).toHaveAttribute('aria-current', 'step');
  await expect(cloning.locator('.step-label')).toHaveText('Cloning from template...');
  await expect(cloning.locator('.step-state')).toHaveText('(in progress)');
  await watched.reaches('CLONING', 'done');
  await expect(cloning).not.toHaveAttribute('aria-current');
  await expect(cloning.locator('.step-label')).toHaveText('Cloning from template');
});

test('a page that has ended opens no stream', async ({ page, watched, server, vmName }) => {
  const id = await server.ask({ name: vmName });
  await server.finished(id);
  const streams: string[] = [];
  page.on('request', (asked) => {
    if (asked.url().includes('/events')) streams.push(asked.url());
  });
  await watched.open(id);
  await expect(watched.liveness).toHaveText(/^Ended/);
  // The moment in the reader's own words shows that the page is hydrated.
  await expect(watched.step('READY').locator('time')).not.toHaveText(/Z$/);
  expect(streams).toEqual([]);
});

test('the address can be copied', async ({ context, page, watched, server, vmName }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const id = await server.ask({ name: vmName });
  await server.finished(id);
  await watched.open(id);
  await page.getByRole('button', { name: 'Copy the address' }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toBe(await watched.address.innerText());
});

/** The times and durations that the page shows are the server's. */
async function agreesWithTheServer(
  shown: Step[],
  server: { json<T>(route: string): Promise<T> },
  id: string,
): Promise<void> {
  const progress = await server.json<{ stages: { stage: string; completedAt: string }[] }>(
    `/api/requests/${id}/provisioning-progress`,
  );
  expect(shown.map(({ stage, completedAt }) => ({ stage, completedAt }))).toEqual(
    progress.stages.map(({ stage, completedAt }) => ({ stage, completedAt })),
  );
}
