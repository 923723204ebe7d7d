import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readCliFile } from '../../src/runtime/index.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome } from '../setup/millrace.ts';
import { postgresConfiguration } from '../setup/syncs.ts';
import {
  type DestinationImage,
  readDuckdbDestination,
  readParquetDestination,
  readPostgresDestination,
} from './compare.ts';
import { RunDatabases } from './databases.ts';
import type { FaultSites } from './faults.ts';
import type { DestinationType, Scenario } from './scenario.ts';
import { TortureServer } from './server.ts';
import { createShim, type ShimControl } from './shim.ts';
import { canMount, mountTightDisk, type TightDisk } from './tight-disk.ts';

/** What the runs share: the user's two database servers, and one home whose Millrace dies and comes back. */
export interface World extends AsyncDisposable {
  readonly home: TestHome;
  readonly source: TortureServer;
  readonly destination: TortureServer;
  readonly sourceDatabases: RunDatabases;
  readonly destinationDatabases: RunDatabases;
  /** Of Millrace, its metadata database included; null: there is no shim. */
  readonly control: ShimControl | null;
  readonly sites: FaultSites;
  /** What cannot be done on this machine, and why. */
  readonly missing: readonly string[];
  server: MillraceProcess | null;
  /** What the server that runs was started with. */
  failpoints: string;
}

/** @param size records of the largest table */
export async function createWorld(size: number): Promise<World> {
  const shim = createShim();
  const [control, databaseControl] =
    shim === null ? [] : [shim.createControl('millrace', '/files/'), shim.createControl('database')];
  const home = await createTestHome();
  const [source, destination] = [await TortureServer.start(), await TortureServer.start(databaseControl?.environment)];
  const [sourceDatabases, destinationDatabases] = [source, destination].map(
    (server) => new RunDatabases(server, size, 'torture'),
  ) as [RunDatabases, RunDatabases];
  const failFsync = (fails: boolean) => {
    control?.failFsync(fails);
    databaseControl?.failFsync(fails);
  };
  const world: World = {
    home,
    source,
    destination,
    sourceDatabases,
    destinationDatabases,
    control: control ?? null,
    sites: {
      source,
      destination,
      crashMetadata: async () => home.crashPostgres(),
      shim: control === undefined ? null : { setClock: (seconds) => control.setClock(seconds), failFsync },
    },
    missing: [
      ...(shim === null ? ['clock jumps and failing fsync need a C compiler (cc)'] : []),
      ...(canMount() ? [] : ['full disks need the right to mount a tmpfs']),
    ],
    server: null,
    failpoints: '',
    async [Symbol.asyncDispose]() {
      await closeServer(world);
      await Promise.all([source[Symbol.asyncDispose](), destination[Symbol.asyncDispose]()]);
      await home[Symbol.asyncDispose]();
      shim?.[Symbol.dispose]();
    },
  };
  return world;
}

/** The server, started anew when it runs with other failpoints. */
export async function openServer(world: World, failpoints: string): Promise<MillraceProcess> {
  if (world.server !== null && world.failpoints === failpoints) return world.server;
  await closeServer(world);
  world.server = await startMillrace(world.home, environmentOf(world, failpoints));
  world.failpoints = failpoints;
  return world.server;
}

/** What Millrace is started with. */
export function environmentOf({ control }: World, failpoints: string): Readonly<Record<string, string>> {
  return { ...control?.environment, ...(failpoints === '' ? {} : { MILLRACE_FAILPOINTS: failpoints }) };
}

/** Ends the server in order, or at once if it does not. */
async function closeServer(world: World): Promise<void> {
  const { server } = world;
  world.server = null;
  if (server === null) return;
  server.interrupt();
  await Promise.race([server.exited, delay(15_000, undefined, { ref: false })]);
  await server.kill();
}

/** Ends every fault that is still on, and brings back what is dead. */
export async function healWorld({ source, destination, sites }: World): Promise<void> {
  sites.shim?.setClock(0);
  sites.shim?.failFsync(false);
  for (const server of [source, destination]) {
    await server.proxy.heal();
    await server.revive();
  }
}

/** Where a run writes to. */
export interface Destination {
  readonly type: DestinationType;
  readonly configuration: Record<string, unknown>;
  /** Null: there is room. */
  readonly disk: TightDisk | null;
  read(): Promise<DestinationImage>;
  remove(): Promise<void>;
}

/** A disk holds what a run needs; the scenario takes most of it away. */
const DISK_BYTES = 512 * 1024 * 1024;

/** Makes it, on a disk of its own where the scenario fills that. */
export async function makeDestination(world: World, scenario: Scenario, name: string): Promise<Destination> {
  if (scenario.destination === 'postgresql') return makeDatabase(world, scenario, name);
  const organization = readCliFile(world.home.folder)?.organizationId ?? '';
  const folder = join(world.home.folder, 'files', organization, name);
  mkdirSync(join(folder, '..'), { recursive: true, mode: 0o700 });
  const disk = scenario.freeBytes === null ? null : mountTightDisk(DISK_BYTES, folder);
  const remove = async () => {
    disk?.[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  };
  if (scenario.destination === 'parquet') {
    const read = () => readParquetDestination(folder, scenario.tables);
    return { type: 'parquet', configuration: { path: name }, disk, read, remove };
  }
  const read = () => readDuckdbDestination(join(folder, 'data.duckdb'), scenario.tables);
  return { type: 'duckdb', configuration: { path: `${name}/data.duckdb` }, disk, read, remove };
}

async function makeDatabase(
  { destination, destinationDatabases }: World,
  scenario: Scenario,
  name: string,
): Promise<Destination> {
  const disk = scenario.freeBytes === null ? null : mountTightDisk(DISK_BYTES);
  const tablespace = disk === null ? undefined : `tight_${scenario.number}`;
  if (disk !== null && tablespace !== undefined) await destination.makeTablespace(tablespace, disk.folder);
  const url = await destinationDatabases.makeEmpty(`${name}_destination`, tablespace);
  return {
    type: 'postgresql',
    configuration: postgresConfiguration(destination.proxy.through(url)),
    disk,
    read: () => readPostgresDestination(url, scenario.tables),
    async remove() {
      await destinationDatabases.drop(url);
      if (tablespace !== undefined) await destination.ask(`DROP TABLESPACE ${tablespace}`);
      disk?.[Symbol.dispose]();
    },
  };
}
