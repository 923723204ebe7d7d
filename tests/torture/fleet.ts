import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome } from '../setup/millrace.ts';
import { FILES_PATH, type Installation } from './installation.ts';
import { Machine } from './machine.ts';
import { TortureServer } from './server.ts';
import type { Shim, ShimControl } from './shim.ts';
import { Supervisor } from './supervisor.ts';

export interface FleetOptions {
  readonly workers: number;
  readonly source: TortureServer;
  readonly destination: TortureServer;
  readonly shim: Shim | null;
}

/** What a fleet is made of, apart from its workers. */
interface Site extends Omit<FleetOptions, 'shim' | 'workers'> {
  readonly home: TestHome;
  readonly metadata: TortureServer;
  /** Straight. */
  readonly metadataUrl: string;
  /** Of all its processes. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A process with the API and some workers, on one PostgreSQL and one folder for files. */
export class Fleet implements Installation {
  readonly #home: TestHome;
  readonly #api: Supervisor<MillraceProcess>;
  readonly metadata: TortureServer;
  readonly machines: Machine[] = [];
  readonly shim: Installation['shim'];
  #dead = Promise.withResolvers<void>();
  #broken = Promise.withResolvers<string>();

  private constructor({ home, metadata, metadataUrl, environment }: Site, controls: readonly ShimControl[]) {
    this.#home = home;
    this.metadata = metadata;
    this.shim = controls.length === 0 ? null : this.#shimOf(controls);
    this.#api = new Supervisor({
      home,
      start: () =>
        startMillrace(home, {
          ...environment,
          ...controls[1]?.environment,
          DATABASE_URL: metadata.proxy.through(metadataUrl),
          MILLRACE_ROLE: 'api,scheduler',
        }),
      onDeath: () => this.#broken.resolve('The process with the API was killed.'),
      onOddEnd: (how) => this.#broken.resolve(`The process with the API ended by itself with ${how}.`),
    });
  }

  /** Makes one, of which nothing runs yet but its database. Dispose it. */
  static async create({ workers, source, destination, shim }: FleetOptions): Promise<Fleet> {
    const home = await createTestHome();
    const controls = shim === null ? [] : [shim.createControl('metadata'), shim.createControl('api', FILES_PATH)];
    const metadata = await TortureServer.start(controls[0]?.environment);
    const environment = {
      MILLRACE_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
      MILLRACE_FILES: join(home.folder, FILES_PATH),
    };
    const site = { home, metadata, metadataUrl: await makeMetadata(metadata), environment, source, destination };
    const fleet = new Fleet(site, controls);
    for (let number = 1; number <= workers; number += 1)
      await fleet.#add(site, shim?.createControl(`worker-${number}`, FILES_PATH) ?? null);
    return fleet;
  }

  get folder(): string {
    return this.#home.folder;
  }

  get server(): MillraceProcess | null {
    return this.#api.process;
  }

  async open(failpoints: string): Promise<MillraceProcess> {
    this.#dead = Promise.withResolvers();
    this.#broken = Promise.withResolvers();
    await this.#api.start();
    await Promise.all(this.machines.map(({ worker }) => worker.open(failpoints)));
    if (this.#api.process === null) throw new Error('The process with the API did not stay.');
    return this.#api.process;
  }

  async resume(): Promise<void> {
    await this.metadata.revive();
    await Promise.all([this.#api.start(), ...this.machines.map(({ worker }) => worker.start())]);
  }

  async resumeAndKill(afterMs: number): Promise<number> {
    await this.metadata.revive();
    void this.resume().catch(() => {});
    await delay(afterMs);
    return this.kill();
  }

  async kill(): Promise<number> {
    const killed = await Promise.all([this.#api.kill(), ...this.machines.map(({ worker }) => worker.kill())]);
    return killed.filter(Boolean).length;
  }

  killMetadata(): void {
    this.metadata.kill();
  }

  crashMetadata(): Promise<boolean> {
    return this.metadata.crash().catch(() => false);
  }

  async killApi(last: () => Promise<void>): Promise<boolean> {
    const killed = await this.#api.kill();
    await last();
    await this.#api.start();
    return killed;
  }

  untilDead(): Promise<void> {
    return this.#dead.promise;
  }

  untilBroken(): Promise<string> {
    return this.#broken.promise;
  }

  async heal(): Promise<void> {
    this.shim?.setClock(0);
    await this.metadata.proxy.heal();
    for (const machine of this.machines) await machine.heal();
    await this.resume();
  }

  readLog(): string {
    return [this.#home, ...this.machines].map((part) => part.readLog()).join('');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    for (const machine of this.machines) await machine[Symbol.asyncDispose]();
    await this.metadata[Symbol.asyncDispose]();
    await this.#home[Symbol.asyncDispose]();
  }

  async #add({ metadata, metadataUrl, environment, source, destination }: Site, control: ShimControl | null) {
    this.machines.push(
      await Machine.create({
        doors: { metadata: metadata.proxy, source: source.proxy, destination: destination.proxy },
        metadataUrl,
        environment,
        control,
        onDeath: () => this.#dead.resolve(),
        onOddEnd: (how) => this.#broken.resolve(`A worker ended by itself with ${how}.`),
      }),
    );
  }

  #shimOf(controls: readonly ShimControl[]): Installation['shim'] {
    return {
      setClock: (seconds) => {
        for (const part of [...controls, ...this.machines]) part.setClock(seconds);
      },
      failFsync: (fails) => {
        for (const machine of this.machines) machine.failFsync(fails);
      },
    };
  }
}

/** @returns its URL, straight */
async function makeMetadata(server: TortureServer): Promise<string> {
  const url = new URL(server.ownerUrl);
  await server.ask(`CREATE DATABASE fleet OWNER ${url.username}`);
  url.pathname = '/fleet';
  return url.href;
}
