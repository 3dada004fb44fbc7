// The cable between browser and server, which a test can cut: what a network outage really is.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket, connect } from 'node:net';

export class Cable {
  private readonly sockets = new Set<Socket>();
  private isCut = false;

  private constructor(
    private readonly listener: Server,
    private readonly port: number,
  ) {}

  /** A cable to the server at `origin`. */
  static async to(origin: string): Promise<Cable> {
    const listener = createServer();
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const cable = new Cable(listener, Number(new URL(origin).port));
    listener.on('connection', (near) => cable.join(near));
    return cable;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.listener.address() as AddressInfo).port}`;
  }

  /**
   * Nothing passes any more, and nobody is told: connections stay open and silent, as behind a router
   * that has lost its power. What comes meanwhile waits in vain.
   */
  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.pause();
  }

  /** The network is back. What was open before is lost. */
  mend(): void {
    this.isCut = false;
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
  }

  close(): void {
    this.mend();
    this.listener.close();
  }

  private join(near: Socket): void {
    this.keep(near);
    if (this.isCut) {
      near.pause();
      return;
    }
    const far = connect(this.port, '127.0.0.1');
    this.keep(far);
    const pass = (from: Socket, to: Socket) => {
      from.on('data', (chunk) => to.write(chunk));
      from.on('close', () => to.destroy());
    };
    pass(near, far);
    pass(far, near);
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.sockets.delete(socket));
  }
}
