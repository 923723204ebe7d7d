import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readCliFile } from '../../src/runtime/index.ts';
import { postgresConfiguration } from '../setup/syncs.ts';
import { canMount, mountTightDisk, type TightDisk } from '../setup/tight-disk.ts';
import { alterDuckdb, alterPostgres } from './alter.ts';
import {
  type DestinationImage,
  readDuckdbDestination,
  readParquetDestination,
  readPostgresDestination,
} from './compare.ts';
import { RunDatabases } from './databases.ts';
import { Fleet } from './fleet.ts';
import { createAlone, FILES_PATH, type Installation } from './installation.ts';
import type { DestinationType, Scenario } from './scenario.ts';
import { TortureServer } from './server.ts';
import { createShim, type ShimControl } from './shim.ts';

/** What the runs share: the user's two database servers, and homes whose Millrace dies and comes back. */
export interface World extends AsyncDisposable {
  readonly source: TortureServer;
  readonly destination: TortureServer;
  readonly sourceDatabases: RunDatabases;
  readonly destinationDatabases: RunDatabases;
  /** Of the destination's server; null: there is no shim. */
  readonly destinationControl: ShimControl | null;
  /** What cannot be done on this machine, and why. */
  readonly missing: readonly string[];
  /** Millrace with that many workers, 0 = one process that does everything; made when it is first asked for. */
  installationOf(workers: number): Promise<Installation>;
  /** Everything that Millrace has logged. */
  readLog(): string;
}

/** @param size records of the largest table */
export async function createWorld(size: number): Promise<World> {
  const shim = createShim();
  const destinationControl = shim?.createControl('database') ?? null;
  const [source, destination] = [
    await TortureServer.start(),
    await TortureServer.start(destinationControl?.environment),
  ];
  const [sourceDatabases, destinationDatabases] = [source, destination].map(
    (server) => new RunDatabases(server, size, 'torture'),
  ) as [RunDatabases, RunDatabases];
  const installations = new Map<number, Installation>();
  return {
    source,
    destination,
    sourceDatabases,
    destinationDatabases,
    destinationControl,
    missing: [
      ...(shim === null ? ['clock jumps and failing fsync need a C compiler (cc)'] : []),
      ...(canMount() ? [] : ['full disks need the right to mount a tmpfs']),
    ],
    async installationOf(workers) {
      const known = installations.get(workers);
      const installation =
        known ?? (workers === 0 ? await createAlone(shim) : await Fleet.create({ workers, source, destination, shim }));
      installations.set(workers, installation);
      return installation;
    },
    readLog: () => [...installations.values()].map((installation) => installation.readLog()).join(''),
    async [Symbol.asyncDispose]() {
      for (const installation of installations.values()) await installation[Symbol.asyncDispose]();
      await Promise.all([source[Symbol.asyncDispose](), destination[Symbol.asyncDispose]()]);
      shim?.[Symbol.dispose]();
    },
  };
}

/** Ends every fault that is still on, and brings back what is dead. */
export async function healWorld(
  { source, destination, destinationControl }: World,
  installation: Installation,
): Promise<void> {
  destinationControl?.failFsync(false);
  for (const server of [source, destination]) {
    await server.proxy.heal();
    await server.revive();
  }
  await installation.heal();
}

/** Where a run writes to. */
export interface Destination {
  readonly type: DestinationType;
  readonly configuration: Record<string, unknown>;
  /** Null: there is room. */
  readonly disk: TightDisk | null;
  read(): Promise<DestinationImage>;
  /** Carries out statements, as somebody does by hand; null: nobody can. */
  readonly alter: ((statements: readonly string[]) => Promise<void>) | null;
  remove(): Promise<void>;
}

/** A disk holds what a run needs, for the largest table twice and what is sorted; the scenario takes most of it away. */
const DISK_BYTES = 768 * 1024 * 1024;

/** Makes it, on a disk of its own where the scenario fills that. */
export async function makeDestination(
  world: World,
  { folder: home }: Installation,
  scenario: Scenario,
  name: string,
): Promise<Destination> {
  if (scenario.destination === 'postgresql') return makeDatabase(world, scenario, name);
  const organization = readCliFile(home)?.organizationId ?? '';
  const folder = join(home, FILES_PATH, organization, name);
  mkdirSync(join(folder, '..'), { recursive: true, mode: 0o700 });
  const disk = scenario.freeBytes === null ? null : mountTightDisk(DISK_BYTES, folder);
  const remove = async () => {
    disk?.[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  };
  if (scenario.destination === 'parquet') {
    const read = () => readParquetDestination(folder, scenario.tables);
    return { type: 'parquet', configuration: { path: name }, disk, read, alter: null, remove };
  }
  const file = join(folder, 'data.duckdb');
  const read = () => readDuckdbDestination(file, scenario.tables);
  const alter = (statements: readonly string[]) => alterDuckdb(file, statements);
  return { type: 'duckdb', configuration: { path: `${name}/data.duckdb` }, disk, read, alter, remove };
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
    alter: (statements) => alterPostgres(url, statements),
    async remove() {
      await destinationDatabases.drop(url);
      if (tablespace !== undefined) await destination.ask(`DROP TABLESPACE ${tablespace}`);
      disk?.[Symbol.dispose]();
    },
  };
}
