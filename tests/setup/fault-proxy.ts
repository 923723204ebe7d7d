import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Which way bytes go: what the client says, or what the server answers. */
export type Direction = 'to-server' | 'to-client';

/** How a slow network carries bytes; what is left out is not limited. */
export interface Slowness {
  /** Of each connection and direction. */
  readonly bytesPerSecond?: number;
  /** Before each piece of up to 64 KiB, one after another. */
  readonly latencyMs?: number;
}

/** How bytes pass that no other fault meets. */
type Flow = 'open' | 'stalled' | 'half-open';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** Bytes have been lost on it: it can never be whole again. */
  isTorn: boolean;
}

/** What a trap makes of bytes. */
interface Meeting {
  readonly passes: Buffer;
  /** `wait`: it is set still. `lose-reply`: it is set anew, for the answer. */
  readonly next: 'wait' | 'go-on' | 'reset' | 'close' | 'lose-reply';
}

/** A fault that waits for its moment, and then strikes once. */
interface Trap {
  readonly direction: Direction;
  /** Null: these bytes are none of its business. */
  meet(bytes: Buffer, link: Link): Meeting | null;
  readonly sprung: () => void;
}

const NOTHING = Buffer.alloc(0);
/** ReadyForQuery without its last byte, the state of the transaction: the server has answered everything. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5]);

/**
 * A TCP proxy in front of a database, with faults on demand. It draws no lots: what happens, and behind which byte, is
 * the caller's choice. Content can be looked for only where the connection has no TLS.
 */
export class FaultProxy implements AsyncDisposable {
  #target: { readonly host: string; readonly port: number };
  readonly #links = new Set<Link>();
  #server: Server | null = null;
  #port = 0;
  #flow: Flow = 'open';
  #flowChanged = Promise.withResolvers<void>();
  #slowness: Slowness = {};
  #traps: Trap[] = [];
  #accepted = 0;

  private constructor(target: URL) {
    this.#target = toAddress(target);
  }

  /** Opens one in front of the server of that URL, on a free port of 127.0.0.1. */
  static async open(targetUrl: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(targetUrl));
    await proxy.#listen();
    return proxy;
  }

  /** The URL, through the proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = '127.0.0.1';
    changed.port = String(this.#port);
    return changed.href;
  }

  /** Leads new connections to another server, such as the same one after a restart on another port. */
  retarget(targetUrl: string): void {
    this.#target = toAddress(new URL(targetUrl));
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return this.#links.size;
  }

  /** Connections that were ever taken. */
  get acceptedConnections(): number {
    return this.#accepted;
  }

  /** Breaks every connection by RST; new ones are taken. @returns how many there were */
  reset(): number {
    const links = [...this.#links];
    for (const link of links) this.#breakLink(link);
    return links.length;
  }

  /** Takes no new connection (ECONNREFUSED); those that are open go on. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    // Its `close` event would come only after the last connection.
    server.close();
    if (server.listening) await once(server, 'close');
  }

  /** The network stands still and loses nothing: bytes and ends are held back, and go on with `heal`. */
  stall(): void {
    this.#setFlow('stalled');
  }

  /** The other end is gone and nobody says so: bytes and ends are swallowed both ways. `heal` resets what has lost any. */
  halfOpen(): void {
    this.#setFlow('half-open');
    for (const link of this.#links) link.isTorn = true;
  }

  /** The same for the connections of now; new ones are whole. */
  halfOpenPresent(): void {
    for (const link of this.#links) link.isTorn = true;
  }

  /**
   * The same for the connection on which that text comes by next in a direction, from there on. @returns a promise that
   * resolves when it has
   */
  halfOpenAt(direction: Direction, text: string): Promise<void> {
    return this.#set(direction, (bytes, link) => {
      if (!bytes.includes(text, 0, 'latin1')) return null;
      link.isTorn = true;
      return { passes: NOTHING, next: 'go-on' };
    });
  }

  /** Carries bytes slowly, on open connections too. */
  slow(slowness: Slowness): void {
    this.#slowness = slowness;
  }

  /**
   * Lets that many more bytes pass in a direction, of all connections together, then resets the one that carries the
   * next. @returns a promise that resolves when it has struck
   */
  cutAfter(direction: Direction, byteCount: number): Promise<void> {
    let left = byteCount;
    return this.#set(direction, (bytes) => {
      left -= bytes.length;
      return left >= 0 ? null : { passes: bytes.subarray(0, bytes.length + left), next: 'reset' };
    });
  }

  /**
   * Lets the n-th statement of PostgreSQL from now on that ends in that text through, such as `COMMIT`, drops what the
   * server answers, and resets the connection when it has answered all: so the statement was carried out, and its sender
   * cannot know. @returns a promise that resolves when the answer was lost
   */
  loseReply(text: string, nth = 1): Promise<void> {
    // In the protocol a zero byte follows a statement.
    const wanted = Buffer.from(`${text}\0`, 'utf8');
    let left = nth;
    return this.#set('to-server', (bytes) => {
      if (!bytes.includes(wanted)) return null;
      left -= 1;
      return left === 0 ? { passes: bytes, next: 'lose-reply' } : null;
    });
  }

  /**
   * Turns over the lowest bit of the byte behind that many others in a direction, of all connections together.
   * @returns a promise that resolves when it has struck
   */
  flipAfter(direction: Direction, byteCount: number): Promise<void> {
    let left = byteCount;
    return this.#set(direction, (bytes) => {
      const at = left;
      left -= bytes.length;
      if (left >= 0) return null;
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      return { passes: flipped, next: 'go-on' };
    });
  }

  /** Turns over the highest bit of the byte that many behind the end of a text, where that first comes by. */
  flipBehind(direction: Direction, text: string, offset: number): Promise<void> {
    return this.#set(direction, (bytes) => {
      const at = bytes.indexOf(text);
      const target = at + text.length + offset;
      if (at < 0 || target >= bytes.length) return null;
      const flipped = Buffer.from(bytes);
      flipped[target] = (flipped[target] ?? 0) ^ 0x80;
      return { passes: flipped, next: 'go-on' };
    });
  }

  /** As `cutAfter`, but the connection ends in order, as if the sender had nothing more to say. */
  closeAfter(direction: Direction, byteCount: number): Promise<void> {
    let left = byteCount;
    return this.#set(direction, (bytes) => {
      left -= bytes.length;
      return left >= 0 ? null : { passes: bytes.subarray(0, bytes.length + left), next: 'close' };
    });
  }

  /** Ends every fault, and forgets those that have not struck. Connections that have lost bytes are reset. */
  async heal(): Promise<void> {
    this.#traps = [];
    this.#slowness = {};
    for (const link of [...this.#links]) if (link.isTorn) this.#breakLink(link);
    this.#setFlow('open');
    if (this.#server === null) await this.#listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuse();
    this.reset();
    this.#setFlow('open');
  }

  async #listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (client) => this.#connect(client));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
    this.#server = server;
  }

  #connect(client: Socket): void {
    const server = createConnection({ ...this.#target, allowHalfOpen: true });
    const link: Link = { client, server, isTorn: this.#flow === 'half-open' };
    this.#accepted += 1;
    this.#links.add(link);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      // The pumps see it, too, and act on it.
      socket.on('error', () => {});
    }
    void this.#pump(link, 'to-server');
    void this.#pump(link, 'to-client');
  }

  async #pump(link: Link, direction: Direction): Promise<void> {
    const [from, to] = direction === 'to-server' ? [link.client, link.server] : [link.server, link.client];
    try {
      for await (const bytes of from) await this.#carry(link, direction, bytes, to);
      await this.#untilFlows();
      if (link.isTorn) return;
      to.end();
      if (from.writableEnded) this.#links.delete(link);
    } catch {
      // A connection that breaks at one end breaks at the other when the network carries it there.
      await this.#untilFlows();
      if (!link.isTorn) this.#breakLink(link);
    }
  }

  async #carry(link: Link, direction: Direction, bytes: Buffer, to: Socket): Promise<void> {
    await this.#untilFlows();
    if (link.isTorn) return;
    const met = this.#spring(direction, bytes, link);
    await this.#dawdle(bytes.length);
    // Faults may have come meanwhile.
    await this.#untilFlows();
    if (link.isTorn || !to.writable) return;
    const isTaken = to.write(met?.passes ?? bytes);
    if (met?.next === 'reset') this.#breakLink(link);
    else if (met?.next === 'close') to.end();
    // Slower than the receiver is the receiver's own matter: it must not fill our memory.
    else if (!isTaken) await untilDrained(to);
  }

  #spring(direction: Direction, bytes: Buffer, link: Link): Meeting | null {
    for (const trap of this.#traps) {
      const met = trap.direction === direction ? trap.meet(bytes, link) : null;
      if (met === null) continue;
      if (met.next === 'wait') return met;
      this.#traps = this.#traps.filter((other) => other !== trap);
      if (met.next === 'lose-reply') this.#loseNextReply(link, trap.sprung);
      else trap.sprung();
      return met;
    }
    return null;
  }

  #loseNextReply(link: Link, sprung: () => void): void {
    const isAnswered = (bytes: Buffer): boolean => bytes.subarray(-6, -1).equals(READY);
    this.#traps.unshift({
      direction: 'to-client',
      meet: (bytes, answered) =>
        answered === link ? { passes: NOTHING, next: isAnswered(bytes) ? 'reset' : 'wait' } : null,
      sprung,
    });
  }

  async #dawdle(byteCount: number): Promise<void> {
    const { bytesPerSecond, latencyMs = 0 } = this.#slowness;
    const ms = latencyMs + (bytesPerSecond === undefined ? 0 : (byteCount / bytesPerSecond) * 1_000);
    if (ms > 0) await delay(ms, undefined, { ref: false });
  }

  #set(direction: Direction, meet: Trap['meet']): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#traps.push({ direction, meet, sprung: resolve });
    return promise;
  }

  #setFlow(flow: Flow): void {
    this.#flow = flow;
    this.#flowChanged.resolve();
    this.#flowChanged = Promise.withResolvers();
  }

  async #untilFlows(): Promise<void> {
    while (this.#flow === 'stalled') await this.#flowChanged.promise;
  }

  #breakLink(link: Link): void {
    link.isTorn = true;
    this.#links.delete(link);
    link.client.resetAndDestroy();
    link.server.resetAndDestroy();
  }
}

function toAddress({ hostname, port }: URL): { readonly host: string; readonly port: number } {
  return { host: hostname, port: Number(port) };
}

/** Or until it is closed; leaves no listener behind. */
function untilDrained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      socket.off('drain', end);
      socket.off('close', end);
      resolve();
    };
    socket.on('drain', end);
    socket.on('close', end);
    if (socket.destroyed) end();
  });
}
