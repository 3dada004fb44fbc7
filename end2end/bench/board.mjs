// Frames per second of a list of 5,000 rows while 50 events a second come: `node board.mjs SERVER SITE`.
//
// A real server with the simulated vCenter has 5,000 requests, asked for over the API, and a page in
// Chromium shows them all, by its own "Show more". First one worker builds, so slowly that nothing happens: that is the
// yardstick. Then the server is started again, at the same address and under the same page, with as many workers and
// as short stages as make 50 events a second, which move rows of that page, those in view first: the
// oldest are built first, and the page is at its end. A frame is counted when the browser
// asks for it; the events, by a reader of the board's stream beside the page.

import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, startChromium, startServer } from "./parts.mjs";
import { rateRow, row } from "./rows.mjs";

const ROWS = 5_000;
const ASKED_AT_ONCE = 8;
const SECONDS = 20;
const AIM_EVENTS = 50;
const AIM_FRAMES = 50;
const WORKERS = 32;
// The mean of a stage, found by trying: events of all workers come to AIM_EVENTS a second.
const STAGE_MS = 1_100;
const PATIENCE_MS = 60_000;

const [serverProgram, site] = process.argv.slice(2);
if (!site) throw new Error("usage: node board.mjs SERVER SITE");
const ending = [];

// Runs in the page: when each frame began, for so many seconds.
function frames(seconds) {
  return new Promise((resolve) => {
    const times = [];
    const next = (now) => {
      times.push(now);
      if (now - times[0] < seconds * 1_000) requestAnimationFrame(next);
      else resolve(times);
    };
    requestAnimationFrame(next);
  });
}

async function askForAll(base) {
  let asked = 0;
  const one = async () => {
    while (asked < ROWS) {
      const number = (asked += 1);
      await ask(base, { name: `bench-${number}`, template: "debian-12", cpus: 1, memoryMib: 1024 });
      if (number % 1_000 === 0) console.error(`${number} of ${ROWS} requests asked for`);
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, one));
}

// Opens the list and shows as many rows as it can have.
async function openAll(page, base) {
  await page.goto(base);
  await isLive(page);
  const more = page.getByRole("button", { name: "Show more" });
  const rows = page.locator(".row");
  for (let shown = await rows.count(); shown < ROWS; shown = await rows.count()) {
    await more.click();
    await page.waitForFunction((before) => document.querySelectorAll(".row").length > before, shown);
  }
  // Where the oldest are, which move first.
  await rows.last().scrollIntoViewIfNeeded();
  return rows.count();
}

const isLive = (page) =>
  page.locator("[data-link=live]").waitFor({ timeout: PATIENCE_MS });

// Events that the server's board tells, counted until `stop` is called.
async function countEvents(base) {
  const abort = new AbortController();
  const { body } = await fetch(`${base}/api/requests/events`, { signal: abort.signal });
  let [events, rest] = [0, ""];
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop();
      events += lines.filter((line) => line.startsWith("event: ") && line !== "event: ping").length;
    }
  })().catch((error) => { if (!abort.signal.aborted) throw error; });
  return async () => { abort.abort(); await reading; return events; };
}

// The intervals of the page's frames in milliseconds, and how many events a second came meanwhile.
async function measure(page, base) {
  const stop = await countEvents(base);
  const begun = performance.now();
  const times = await page.evaluate(frames, SECONDS);
  const seconds = (performance.now() - begun) / 1_000;
  const events = (await stop()) / seconds;
  const intervals = times.slice(1).map((time, index) => time - times[index]);
  const perSecond = (intervals.length * 1_000) / (times.at(-1) - times[0]);
  return { intervals, perSecond, events };
}

// How many rows of the page say that something is done for them, to see that it is moved by what is measured.
const endedRows = (page) => page.locator(".row [data-status=ready]").count();

const folder = await mkdtemp(join(tmpdir(), "stagewatch-bench-"));
// PostgreSQL may run as another user, who must get in.
await chmod(folder, 0o711);
try {
  const settings = { STAGEWATCH_DATA_DIR: join(folder, "data"), STAGEWATCH_SITE_DIR: site };
  const quietly = { STAGEWATCH_WORKERS: "1", STAGEWATCH_SIMULATED_DELAY: "1h" };
  const first = await startServer(serverProgram, { ...settings, ...quietly, STAGEWATCH_LISTEN: "127.0.0.1:0" });
  const { base } = first;
  let server = first;
  ending.unshift(() => server.end());
  await askForAll(base);
  const browser = await startChromium();
  ending.unshift(() => browser.close());
  const page = await browser.newPage();
  const rows = await openAll(page, base);
  const still = await measure(page, base);

  await first.end();
  server = await startServer(serverProgram, {
    ...settings, STAGEWATCH_LISTEN: new URL(base).host, STAGEWATCH_WORKERS: String(WORKERS),
    STAGEWATCH_SIMULATED_DELAY: `${STAGE_MS}ms`,
  });
  await isLive(page);
  const before = await endedRows(page);
  const moving = await measure(page, base);
  console.error(`${moving.events.toFixed(1)} events a second of ${AIM_EVENTS} aimed at, ${still.events.toFixed(1)} before`);
  if ((await endedRows(page)) === before) throw new Error("the page has not moved");

  const what = `${rows.toLocaleString("en")} rows, ${moving.events.toFixed(0)} events a second`;
  rateRow(what, moving.perSecond, "the same page, no events", still.perSecond);
  rateRow(what, moving.perSecond, "the aim, in frames a second", AIM_FRAMES);
  row("between two of those frames", moving.intervals, "the same page, no events", still.intervals);
} finally {
  for (const end of ending) await end();
  await rm(folder, { recursive: true, force: true });
}
