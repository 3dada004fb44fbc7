// From the end of a task in vCenter to changed pixels in Chromium: `node pixels.mjs SERVER VCSIM SITE`.
//
// A real server works with govmomi's simulator over SOAP, and a page in Chromium watches each VM being
// built. The simulator says when each task ended; the page notes when the frame is drawn in which its
// stepper shows the next stage. All on one machine, so by one clock.
//
// Beside it, after each VM and in the same page: a timer that changes the document, to changed pixels
// (what the browser alone takes), and one HTTP round trip to the server.

import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, start, startChromium, startServer } from "./parts.mjs";
import { row } from "./rows.mjs";

const VMS = 60;
// The first ones warm up caches and are not counted.
const WARM_UP_VMS = 3;
const YARDSTICKS_PER_VM = 4;
// The clone is long enough for the page to be there and live before it ends.
const CLONE_MS = 1500;
const TASK_MS = 200;
const AIM_MS = 250;
const PATIENCE_MS = 60_000;

// The stage that is shown next after a task, when the VM needs no other before that stage. (The VM is
// reconfigured, and customised as a Linux, in one stage: the later of both ends it.)
const NEXT = [
  { tasks: ["CloneVM_Task"], stage: "CONFIGURING" },
  { tasks: ["ReconfigVM_Task", "CustomizeVM_Task"], stage: "POWERING_ON" },
  { tasks: ["PowerOnVM_Task"], stage: "WAITING_FOR_NETWORK" },
];

const [serverProgram, vcsimProgram, site] = process.argv.slice(2);
if (!site) throw new Error("usage: node pixels.mjs SERVER VCSIM SITE");
const PASSWORD = "bench";
const ending = [];

// Runs in the page, before anything of its own: notes when which stage is first drawn as active.
function watchStages() {
  window.drawn = (then) =>
    requestAnimationFrame(() => {
      // A message is handled after the frame that is being made has been drawn.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => then(performance.timeOrigin + performance.now());
      port2.postMessage(null);
    });
  window.shown = [];
  let last;
  const look = () => {
    const stage = document.querySelector(".stepper [data-state=active]")?.dataset.stage;
    if (!stage || stage === last) return;
    last = stage;
    const live = document.querySelector("[data-link=live]") !== null;
    window.drawn((atMs) => window.shown.push({ stage, atMs, live }));
  };
  new MutationObserver(look).observe(document, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["data-state"],
  });
}

// Runs in the page: what the browser alone takes from a timer to changed pixels.
function timerToPixels() {
  return new Promise((resolve) => {
    const mark = document.body.appendChild(document.createElement("i"));
    let fired;
    const seen = new MutationObserver(() =>
      window.drawn((atMs) => {
        mark.remove();
        seen.disconnect();
        resolve(atMs - fired);
      }),
    );
    seen.observe(mark, { attributes: true });
    setTimeout(() => {
      fired = performance.timeOrigin + performance.now();
      mark.dataset.state = "changed";
    }, 0);
  });
}

// Runs in the page: one HTTP round trip to the server.
async function roundTrip() {
  const begun = performance.now();
  await (await fetch("/healthz", { cache: "no-store" })).text();
  return performance.now() - begun;
}

async function startAll(folder) {
  const simulator = await start(
    vcsimProgram,
    ["-tls-dir", join(folder, "tls"), "-control", "127.0.0.1:0", "-username", "bench", "-password", PASSWORD,
      "-task-delay", `${TASK_MS}ms`, "-exit-with-stdin"],
    {}, "stdout", /^(\{.*\})$/,
  );
  ending.unshift(simulator.end);
  const vcsim = JSON.parse(simulator.found[1]);
  await order(vcsim.control, "/tasks", { method: "CloneVM_Task", delayMs: CLONE_MS });
  const { base, end } = await startServer(serverProgram, {
    STAGEWATCH_LISTEN: "127.0.0.1:0", STAGEWATCH_DATA_DIR: join(folder, "data"), STAGEWATCH_SITE_DIR: site,
    VSPHERE_URL: vcsim.url, VSPHERE_CA_FILE: vcsim.caFile, VSPHERE_USERNAME: "bench", VSPHERE_PASSWORD: PASSWORD,
  });
  ending.unshift(end);
  return { control: vcsim.control, base };
}

async function order(control, path, body) {
  const answer = await fetch(control + path, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
}

const get = async (url) => (await fetch(url)).json();

async function askForVm(base, name) {
  const { items } = await get(`${base}/api/templates`);
  return ask(base, { name, template: items[0].name, cpus: 2, memoryMib: 2048 });
}

// Watches one VM; returns for each stage how long after its task's end it was recorded and drawn.
async function watchOne({ control, base }, page, name) {
  const before = (await get(`${control}/tasks`)).length;
  const request = await askForVm(base, name);
  await page.goto(base + request.links.page);
  await page.waitForFunction(
    (stage) => window.shown.some((shown) => shown.stage === stage), NEXT.at(-1).stage, { timeout: PATIENCE_MS },
  );
  const shown = await page.evaluate(() => window.shown);
  const tasks = (await get(`${control}/tasks`)).slice(before);
  const { items } = await get(`${base}${request.links.self}/history`);
  return NEXT.flatMap(({ tasks: names, stage }) => {
    const endedAtMs = Math.max(...tasks.filter((task) => names.includes(task.method)).map((task) => task.endedAtMs));
    const drawn = shown.find((one) => one.stage === stage);
    const event = items.find(({ payload }) => payload.currentStage === stage);
    // Before the page was live it could not know; that would measure its loading.
    if (!drawn.live) return [];
    return [{ recorded: Date.parse(event.recordedAt) - endedAtMs, drawn: drawn.atMs - endedAtMs }];
  });
}

async function measure(places, page) {
  const measured = { drawn: [], recorded: [], timer: [], trip: [] };
  for (let vm = 0; vm < WARM_UP_VMS + VMS; vm += 1) {
    const stages = await watchOne(places, page, `bench-${vm}`);
    if (vm < WARM_UP_VMS) continue;
    measured.drawn.push(...stages.map((stage) => stage.drawn));
    measured.recorded.push(...stages.map((stage) => stage.recorded));
    for (let time = 0; time < YARDSTICKS_PER_VM; time += 1) {
      measured.timer.push(await page.evaluate(timerToPixels));
      measured.trip.push(await page.evaluate(roundTrip));
    }
    if (vm % 10 === 0) console.error(`${vm} of ${VMS} VMs watched`);
  }
  return measured;
}

const folder = await mkdtemp(join(tmpdir(), "stagewatch-bench-"));
// PostgreSQL may run as another user, who must get in.
await chmod(folder, 0o711);
try {
  const places = await startAll(folder);
  const browser = await startChromium();
  ending.unshift(() => browser.close());
  const page = await browser.newPage();
  await page.addInitScript(watchStages);
  const measured = await measure(places, page);
  const what = "vCenter's task end to changed pixels";
  row(what, measured.drawn, "a timer to changed pixels, same page", measured.timer);
  row(what, measured.drawn, "one HTTP round trip from the page", measured.trip);
  row(what, measured.drawn, "the aim, for the 99th percentile", AIM_MS);
  row("of which until the stage is recorded", measured.recorded, "the same, to changed pixels", measured.drawn);
} finally {
  for (const end of ending) await end();
  await rm(folder, { recursive: true, force: true });
}
