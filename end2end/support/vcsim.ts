// Our vCenter simulator in its own process, for what the simulated vCenter inside the server does not do.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Settings } from './server.ts';

const PASSWORD = 'secret';

interface Ready {
  url: string;
  caFile: string;
  username: string;
  control: string;
}

interface GuestOrder {
  addresses?: string[];
  /** Whether its network card's cable is plugged in. */
  connected?: boolean;
  poweredOn?: boolean;
}

export class Vcsim {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    private readonly ready: Ready,
  ) {}

  static async start(): Promise<Vcsim> {
    const folder = await mkdtemp(path.join(tmpdir(), 'stagewatch-vcsim-'));
    const tools = path.join(process.env.CARGO_TARGET_DIR ?? '../target', 'tools/vcsim');
    const program = path.resolve(process.env.STAGEWATCH_VCSIM ?? tools);
    const own = ['-listen', '127.0.0.1:0', '-control', '127.0.0.1:0', '-exit-with-stdin'];
    const login = ['-username', 'user', '-password', PASSWORD, '-tls-dir', folder];
    const child = spawn(program, [...own, ...login], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, TMPDIR: folder },
    });
    for await (const line of createInterface({ input: child.stdout })) {
      return new Vcsim(child, folder, JSON.parse(line) as Ready);
    }
    throw new Error(`${program} did not say where it is`);
  }

  /** What a server must be told to use it. */
  get settings(): Settings {
    const { url, username, caFile } = this.ready;
    return {
      VSPHERE_URL: url,
      VSPHERE_USERNAME: username,
      VSPHERE_PASSWORD: PASSWORD,
      VSPHERE_CA_FILE: caFile,
    };
  }

  /** Lets the next call of a method be refused. */
  async refuse(method: string, fault: string, message: string): Promise<void> {
    await this.order('rules', { method, action: 'fault', fault, message });
  }

  /** Lets the next call of a method be lost with its connection. */
  async unanswered(method: string): Promise<void> {
    await this.order('rules', { method, action: 'drop' });
  }

  /** How long the tasks of a method take from now on. */
  async slow(method: string, delayMs: number): Promise<void> {
    await this.order('tasks', { method, delayMs });
  }

  /** DHCP gives no address from now on; guests have their tools so late. */
  async withholdAddresses(delayMs: number): Promise<void> {
    await this.order('addresses', { withhold: true, delayMs });
  }

  /** What somebody else does to a VM, or in its guest. */
  async change(name: string, order: GuestOrder): Promise<void> {
    await this.order(`vms/${name}`, order);
  }

  private async order(route: string, order: object): Promise<void> {
    const body = JSON.stringify(order);
    const answer = await fetch(`${this.ready.control}/${route}`, { method: 'POST', body });
    if (!answer.ok) throw new Error(`${route} answers ${answer.status}: ${await answer.text()}`);
  }

  /** It stands still, as on a machine that hangs: connections stay and nothing answers. */
  standStill(): void {
    this.child.kill('SIGSTOP');
  }

  goOn(): void {
    this.child.kill('SIGCONT');
  }

  /** The names of all VMs. */
  async machines(): Promise<string[]> {
    const answer = await fetch(`${this.ready.control}/vms`);
    return ((await answer.json()) as { name: string }[]).map((machine) => machine.name);
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}
