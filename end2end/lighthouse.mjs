// Lighthouse looks at the page of a request: `node lighthouse.mjs SERVER SITE`.
//
// A real server with the simulated vCenter and a VM that is being built. Accessibility, best practices
// and the sizes of what is loaded are the same on every machine: they must be as budgets.json says, or
// this ends with 1. Times and the performance score are of this machine: they are printed beside
// their aims, and decide nothing unless `--times` says so.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { launch } from "chrome-launcher";
import lighthouse, { desktopConfig } from "lighthouse";

const [serverProgram, site, ...flags] = process.argv.slice(2);
if (!site) throw new Error("usage: node lighthouse.mjs SERVER SITE [--times]");
const budgets = JSON.parse(readFileSync(new URL("budgets.json", import.meta.url), "utf8"));
const timesDecide = flags.includes("--times");
const PATIENCE_MS = 60_000;
// The page's stream never ends while the VM is built: its being open is not waited for.
const LOAD_MAX_MS = 15_000;

async function startServer(folder) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) if (/^(STAGEWATCH_|VSPHERE_|DATABASE_URL$|PG)/.test(name)) delete env[name];
  Object.assign(env, {
    STAGEWATCH_LISTEN: "127.0.0.1:0", STAGEWATCH_DATA_DIR: join(folder, "data"), STAGEWATCH_SITE_DIR: resolve(site),
    // Longer than Lighthouse looks at it.
    STAGEWATCH_SIMULATED_DELAY: "10m", STAGEWATCH_LOG_FORMAT: "json", RUST_LOG: "info",
  });
  const child = spawn(serverProgram, [], { env, stdio: ["ignore", "ignore", "pipe"] });
  const base = await new Promise((found, failed) => {
    const late = setTimeout(() => failed(new Error("the server did not start in time")), PATIENCE_MS);
    createInterface({ input: child.stderr }).on("line", (line) => {
      const address = /(http:\/\/[^ ]+) is ready/.exec(line)?.[1];
      if (address) { clearTimeout(late); found(address); }
    });
    child.on("exit", (code) => failed(new Error(`the server ended with ${code}`)));
  });
  const stop = () => new Promise((gone) => { child.on("exit", gone); child.kill("SIGTERM"); });
  return { base, stop };
}

async function askedFor(base) {
  const answer = await fetch(`${base}/api/requests`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: "lighthouse", template: "debian-12", cpus: 2, memoryMib: 2048 }),
  });
  if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
  const request = await answer.json();
  return base + request.links.page;
}

async function audit(url) {
  const chrome = await launch({
    chromePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    chromeFlags: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    logLevel: "silent",
  });
  try {
    const options = {
      port: chrome.port, logLevel: "error", output: "json", maxWaitForLoad: LOAD_MAX_MS,
      onlyCategories: ["performance", "accessibility", "best-practices"],
      // Nothing is slowed down: what is measured is this machine.
      throttlingMethod: "provided",
    };
    return (await lighthouse(url, options, desktopConfig)).lhr;
  } finally {
    chrome.kill();
  }
}

const score = (lhr, category) => Math.round(lhr.categories[category].score * 100);

// One line for each figure; whether all that decide are within their budgets.
function judge(lhr) {
  const loaded = lhr.audits["network-requests"].details.items.filter((item) => item.resourceType !== "EventSource");
  const bytes = loaded.reduce((sum, item) => sum + item.transferSize, 0);
  const least = (name, value, aim, decides) => ({ name, value, aim: `at least ${aim}`, good: value >= aim, decides });
  const most = (name, value, aim, unit, decides) => (
    { name, value: `${Math.round(value)} ${unit}`, aim: `at most ${aim} ${unit}`, good: value <= aim, decides });
  const figures = [
    least("accessibility", score(lhr, "accessibility"), budgets.accessibility, true),
    least("best practices", score(lhr, "best-practices"), budgets.bestPractices, true),
    most("loaded", bytes / 1000, budgets.loadedKb, "kB", true),
    most("requests", loaded.length, budgets.requests, "", true),
    least("performance", score(lhr, "performance"), budgets.performance, timesDecide),
    most("first paint", lhr.audits["first-contentful-paint"].numericValue, budgets.firstPaintMs, "ms", timesDecide),
    most("interactive", lhr.audits.interactive.numericValue, budgets.interactiveMs, "ms", timesDecide),
  ];
  for (const { name, value, aim, good, decides } of figures) {
    const word = good ? "ok" : decides ? "not ok" : "missed";
    console.log(`${word} Lighthouse: ${name} ${value} (${aim})`);
  }
  for (const { title, details } of unsatisfied(lhr)) console.log(`  ${title} ${details}`);
  return figures.every(({ good, decides }) => good || !decides);
}

// What Lighthouse would have better, with the places that it names.
function unsatisfied(lhr) {
  const refs = ["accessibility", "best-practices"].flatMap((category) => lhr.categories[category].auditRefs);
  return refs
    .filter(({ id, weight }) => weight > 0 && lhr.audits[id].score !== null && lhr.audits[id].score < 1)
    .map(({ id }) => ({
      title: `${id}: ${lhr.audits[id].title}`,
      details: (lhr.audits[id].details?.items ?? []).map((item) => item.node?.snippet ?? JSON.stringify(item)).join("; "),
    }));
}

const folder = await mkdtemp(join(tmpdir(), "stagewatch-lighthouse-"));
// PostgreSQL may run as another user, who must get in.
await chmod(folder, 0o711);
let server;
try {
  server = await startServer(folder);
  process.exitCode = judge(await audit(await askedFor(server.base))) ? 0 : 1;
} finally {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
}
