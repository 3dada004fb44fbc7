// What the benches of the page share: programs that are started and ended, and Chromium.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { chromium } from "@playwright/test";

const PATIENCE_MS = 60_000;

// A line of a program's output that the pattern matches; the rest is read away.
function lineOf(stream, pattern) {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: stream });
    const late = setTimeout(() => reject(new Error(`no line like ${pattern} in time`)), PATIENCE_MS);
    lines.on("line", (line) => {
      const found = pattern.exec(line);
      if (found) { clearTimeout(late); resolve(found); }
    });
    lines.on("close", () => reject(new Error(`it ended without a line like ${pattern}`)));
  });
}

// Starts a program and waits for a line of it; tells what was found there, and how to end it.
export async function start(program, args, options, output, pattern) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const end = async () => { child.kill("SIGTERM"); await ended; };
  child[output === "stdout" ? "stderr" : "stdout"].resume();
  try {
    return { found: await lineOf(child[output], pattern), end };
  } catch (error) {
    await end();
    throw error;
  }
}

// Starts the server with these settings and no others; tells its address, and how to end it.
export async function startServer(program, settings) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) if (/^(STAGEWATCH_|VSPHERE_|DATABASE_URL$)/.test(name)) delete env[name];
  Object.assign(env, { STAGEWATCH_LOG_FORMAT: "json", RUST_LOG: "info" }, settings);
  const { found, end } = await start(program, [], { env }, "stderr", /(http:\/\/[^ ]+) is ready/);
  return { base: found[1], end };
}

export function startChromium() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

// Asks for a VM as a program would.
export async function ask(base, wish) {
  const answer = await fetch(`${base}/api/requests`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wish),
  });
  if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
  return answer.json();
}
