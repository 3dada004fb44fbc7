// The real server: its own port, its own data folder with a private PostgreSQL, the simulated vCenter.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** How long a server may take until it answers: it makes a PostgreSQL cluster first. */
const START_MAX_MS = 60_000;
/** How long it may take to end: it stops its PostgreSQL. */
const STOP_MAX_MS = 30_000;

/** The server's settings that tests choose; all others are as in a fresh clone. */
export type Settings = Record<string, string>;

export class Server {
  private constructor(
    readonly origin: string,
    private child: ChildProcess,
    private readonly folder: string,
    private readonly settings: Settings,
  ) {}

  static async start(settings: Settings): Promise<Server> {
    const folder = await mkdtemp(path.join(tmpdir(), 'stagewatch-e2e-'));
    // PostgreSQL may run as another user, who must get in; else the cluster would lie elsewhere.
    await chmod(folder, 0o711);
    const child = launch(folder, { STAGEWATCH_LISTEN: '127.0.0.1:0', ...settings });
    try {
      return new Server(await origin(child, !('DATABASE_URL' in settings)), child, folder, settings);
    } catch (error) {
      child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Ends the server as a power cut does, and starts it again at the same address. */
  async crash(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
    const listen = new URL(this.origin).host;
    this.child = launch(this.folder, { ...this.settings, STAGEWATCH_LISTEN: listen });
    await origin(this.child, true);
  }

  /** Its private PostgreSQL stands still, as on a machine that hangs: connections stay and nothing answers. */
  async stopDatabase(): Promise<void> {
    await this.signalDatabase('SIGSTOP');
  }

  async resumeDatabase(): Promise<void> {
    await this.signalDatabase('SIGCONT');
  }

  private async signalDatabase(signal: NodeJS.Signals): Promise<void> {
    const file = path.join(this.folder, 'data/postgres/data/postmaster.pid');
    const postmaster = Number((await readFile(file, 'utf8')).split('\n')[0]);
    // First itself: it must not begin another one meanwhile.
    process.kill(postmaster, signal);
    const backends = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8');
    for (const backend of backends.trim().split(' ').filter(Boolean)) {
      try {
        process.kill(Number(backend), signal);
      } catch (error) {
        // One that went on before may have ended meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null) {
      const ended = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      await within(STOP_MAX_MS, ended, 'the server did not stop');
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Asks for a VM as a program would, and tells its id. */
  async ask(wish: { name: string; template?: string; cpus?: number; memoryMib?: number }) {
    const response = await fetch(`${this.origin}/api/requests`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ template: 'debian-12', cpus: 1, memoryMib: 1024, ...wish }),
    });
    const body = (await response.json()) as { id: string; detail?: string };
    if (response.status !== 201) throw new Error(`${response.status}: ${JSON.stringify(body)}`);
    return body.id;
  }

  /** Cancels a request as a program would. */
  async cancel(id: string): Promise<void> {
    const { status } = await fetch(`${this.origin}/api/requests/${id}/cancel`, { method: 'POST' });
    if (status !== 202) throw new Error(`cancelling answers ${status}`);
  }

  /**
   * Asks for a VM that gets no address, and waits until it is waited for: the request stays there for
   * as long as a test needs, however slow the machine is, until it is cancelled.
   */
  async askToStay(name: string): Promise<string> {
    const id = await this.ask({ name, template: 'demo-no-address' });
    for await (const line of this.lines(id)) if (line.includes('Wait for network')) break;
    return id;
  }

  private async *lines(id: string): AsyncGenerator<string> {
    const stop = new AbortController();
    const events = `${this.origin}/api/requests/${id}/provisioning-progress/events?format=text`;
    const response = await fetch(events, { signal: stop.signal });
    try {
      const decoder = new TextDecoder();
      for await (const chunk of response.body!) yield decoder.decode(chunk);
    } finally {
      stop.abort();
    }
  }

  async json<T>(route: string): Promise<T> {
    return (await (await fetch(this.origin + route)).json()) as T;
  }

  /** Waits until a request has this status, by following its stream to the end. */
  async finished(id: string): Promise<string> {
    const route = `/api/requests/${id}`;
    await (await fetch(`${this.origin}${route}/provisioning-progress/events`)).text();
    return (await this.json<{ status: string }>(route)).status;
  }
}

function launch(folder: string, settings: Settings): ChildProcess {
  const target = process.env.CARGO_TARGET_DIR ?? '../target';
  const program = process.env.STAGEWATCH_BIN ?? path.join(target, 'debug/stagewatch');
  // What a developer's shell sets for the product is not for the tests; where the page is, is.
  const own = Object.entries(process.env).filter(
    ([name]) =>
      name === 'STAGEWATCH_SITE_DIR' ||
      !/^(STAGEWATCH_|VSPHERE_|DATABASE_URL|PG|RUST_LOG)/.test(name),
  );
  return spawn(path.resolve(program), [], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...Object.fromEntries(own),
      STAGEWATCH_DATA_DIR: path.join(folder, 'data'),
      STAGEWATCH_LOG_FORMAT: 'json',
      ...settings,
    },
  });
}

/** The address that the server says it is at, once it answers there; with its database, if it has one. */
async function origin(child: ChildProcess, hasDatabase: boolean): Promise<string> {
  let log = '';
  const ready = new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      log += chunk.toString();
      const address = /(http:\/\/127\.0\.0\.1:\d+) is ready/.exec(log);
      if (address?.[1]) resolve(address[1]);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}:\n${log}`)));
  });
  const address = await within(START_MAX_MS, ready, 'the server did not start');
  const until = Date.now() + START_MAX_MS;
  // On a busy machine its database may be late at first.
  for (;;) {
    const answer = await fetch(`${address}/readyz`);
    if (answer.ok === hasDatabase) break;
    if (Date.now() > until) throw new Error(`/readyz answers ${answer.status}:\n${log}`);
  }
  return address;
}

async function within<T>(ms: number, work: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
