import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import type { Connector, Load, LoadPlan } from '../../../src/connector-kit/index.ts';
import type { LogicalType } from '../../../src/core/index.ts';
import { lateBound } from '../late-bound.ts';
import { connectFile, createFilesRoot, createPlan, type Fields, type PlanOptions, queryFile } from './duckdb-loads.ts';

/** A name of the key begins with `*`. */
export const FLIGHT_FIELDS = {
  '*id': { kind: 'integer', bits: 64 },
  name: { kind: 'text' },
  delay: { kind: 'float', bits: 64 },
} as const;

/** Three records of these fields, with a NULL and two odd numbers. */
export const THREE_FLIGHTS: readonly Fields[] = [
  ['1', 'one', '0.5'],
  ['2', null, '-0'],
  ['3', 'three', 'NaN'],
];

/** A signal that never aborts. */
export const NEVER: AbortSignal = new AbortController().signal;

/** What an error with that code equals. */
export const failure = (code: string): unknown => expect.objectContaining({ code });

/** A database file of each test, which does not exist at first, and the connector on it. */
export interface UsedFile {
  readonly connector: Connector;
  readonly filesRoot: string;
  /** Absolute. */
  readonly path: string;
  /** Closes the file, and connects again: with a failpoint, or to another path under the root. */
  reopen(failpoint?: (name: string) => void, path?: string): Promise<void>;
  /** Closes the file, as the end of an execution does, and asks it. */
  query(sql: string): Promise<readonly (readonly unknown[])[]>;
  /** Of the fields that the file was used with. */
  plan(options?: Partial<PlanOptions>): LoadPlan;
  open(plan: LoadPlan): Promise<Load>;
}

/** Plans are for the table `main.flights` with `fields`. */
export function useDuckdbFile(fields: Readonly<Record<string, LogicalType>> = FLIGHT_FIELDS): UsedFile {
  const file = 'data/flights.duckdb';
  let files: Awaited<ReturnType<typeof createFilesRoot>> | undefined;
  let current: Connector | undefined;
  const root = lateBound(() => files);
  const connector = lateBound(() => current);
  beforeEach(async () => {
    files = await createFilesRoot();
    current = await connectFile(root.root, file);
  });
  afterEach(async () => {
    await current?.[Symbol.asyncDispose]();
    await files?.[Symbol.asyncDispose]();
  });
  const reopen = async (failpoint?: (name: string) => void, path = file): Promise<void> => {
    await connector[Symbol.asyncDispose]();
    current = await connectFile(root.root, path, failpoint);
  };
  return {
    connector,
    get filesRoot() {
      return root.root;
    },
    get path() {
      return join(root.root, file);
    },
    reopen,
    async query(sql) {
      await connector[Symbol.asyncDispose]();
      await mkdir(dirname(join(root.root, file)), { recursive: true });
      const rows = await queryFile(join(root.root, file), sql);
      await reopen();
      return rows;
    },
    plan: (options = {}) => createPlan(connector, { fields, ...options }),
    async open(plan) {
      const load = await connector.destination?.open(plan, NEVER);
      if (load === undefined) throw new Error('no destination');
      return load;
    },
  };
}
