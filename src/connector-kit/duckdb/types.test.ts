import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  connectFile,
  createFilesRoot,
  createPlan,
  type Fields,
  loadSegment,
  sumOf,
} from '../../../tests/setup/duckdb/duckdb-loads.ts';
import type { LogicalType } from '../../core/index.ts';
import type { Connector } from '../connector.ts';
import { codecOf } from './types.ts';

interface Vectors {
  readonly fields: readonly {
    readonly type: LogicalType;
    readonly wire: string | null;
    readonly canonical: string | null;
  }[];
}

// The published file; what it holds is checked by the assertions.
const vectors = JSON.parse(
  readFileSync(new URL('../../../docs/specs/canonical-vectors.json', import.meta.url), 'utf8'),
) as Vectors;

const signal = new AbortController().signal;
let files: Awaited<ReturnType<typeof createFilesRoot>>;
let connector: Connector;
let generation = 0;

beforeAll(async () => {
  files = await createFilesRoot();
  connector = await connectFile(files.root, 'types.duckdb');
});

afterAll(async () => {
  await connector[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

/** Loads records of these types and compares the hash in SQL with the source's. */
async function expectSameHash(types: readonly LogicalType[], records: readonly Fields[]): Promise<void> {
  const fields = Object.fromEntries(types.map((type, i) => [`f${i}`, type]));
  const plan = createPlan(connector, {
    fields,
    generation: ++generation,
    schemaId: `schema${generation}`,
    table: { schema: 'main', name: `t${generation}` },
  });
  const load = await connector.destination?.open(plan, signal);
  await load?.prepare(signal);
  if (load === undefined) throw new Error('no load');
  await loadSegment(load, plan, { no: 0, token: 1 }, [records]);
  expect(await load.digest(null, false, signal)).toEqual(sumOf(plan, records));
  await load.discard(signal);
}

describe('canonical text in SQL', () => {
  const byType = Map.groupBy(vectors.fields, ({ type }) => JSON.stringify(type));

  it.each([...byType.values()].map((group) => ({ type: group[0]?.type, group })))(
    'holds for the vectors of $type',
    async ({ type, group }) => {
      if (type === undefined) throw new Error('empty group');
      // One load each, so that a wrong value cannot hide behind another.
      for (const { wire } of group) await expectSameHash([type], [[wire]]);
      await expectSameHash(
        [type],
        group.map(({ wire }) => [wire]),
      );
    },
  );

  it('holds for records of all types at once', async () => {
    const types = [...byType.keys()].map((key): LogicalType => JSON.parse(key));
    const values = [...byType.values()];
    const longest = Math.max(...values.map((group) => group.length));
    const records = Array.from({ length: longest }, (_, i) =>
      values.map((group) => group[i % group.length]?.wire ?? null),
    );
    await expectSameHash(types, records);
  });
});

describe('random values', () => {
  const nullable = (text: fc.Arbitrary<string>) => fc.option(text, { nil: null, freq: 8 });
  const columns: readonly (readonly [LogicalType, fc.Arbitrary<string | null>])[] = [
    [{ kind: 'integer', bits: 64 }, nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String))],
    [{ kind: 'float', bits: 64 }, nullable(fc.double().map((value) => (Object.is(value, -0) ? '-0' : String(value))))],
    [{ kind: 'float', bits: 32 }, nullable(fc.float().map((value) => (Object.is(value, -0) ? '-0' : String(value))))],
    [
      { kind: 'decimal', precision: 20, scale: 5 },
      nullable(fc.integer().map((value) => (value / 1e5).toFixed(5).replace(/^-(?=0\.0+$)/, ''))),
    ],
    [
      { kind: 'text' },
      nullable(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', 'ü', '🚂', ' ', "'", '\\', '\t') })),
    ],
    [{ kind: 'bytes' }, nullable(fc.uint8Array().map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`))],
    [
      { kind: 'date' },
      nullable(
        fc
          .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
          .map((date) => date.toISOString().slice(0, 10)),
      ),
    ],
  ];

  it.each(columns.map(([type, values]) => ({ type, values })))(
    'of $type land as they were sent',
    async ({ type, values }) => {
      const records = fc.sample(values, { numRuns: 2000, seed: 11 }).map((value) => [value]);
      await expectSameHash([type], records);
    },
  );

  it('land as they were sent when they stand side by side', async () => {
    const record = fc.tuple(...columns.map(([, values]) => values));
    await expectSameHash(
      columns.map(([type]) => type),
      fc.sample(record, { numRuns: 2000, seed: 12 }),
    );
  });
});

describe('column types', () => {
  it.each([
    [10, 2, 'DECIMAL(10,2)'],
    [3, -2, 'DECIMAL(5,0)'],
    [2, 4, 'DECIMAL(4,4)'],
    [38, 38, 'DECIMAL(38,38)'],
    [39, 0, 'VARCHAR'],
    [38, -1, 'VARCHAR'],
  ])('makes numeric(%i,%i) a %s', (precision, scale, type) => {
    expect(codecOf({ kind: 'decimal', precision, scale }).type).toBe(type);
  });

  it('declares a decimal that is kept as text', () => {
    const field = {
      id: 'n',
      logicalType: { kind: 'decimal', precision: 50, scale: 2 },
      wireType: 'numeric(50,2)',
      conversion: null,
      isNullable: true,
    } as const;
    const acceptance = connector.destination?.accept({ format: 'csv', fields: [field] });
    expect(acceptance?.columns).toEqual([
      { type: 'VARCHAR', conversion: 'n: numeric(50,2) as text, too wide for a DuckDB decimal' },
    ]);
  });

  it('takes no bytes that it would have to decode', () => {
    expect(connector.destination?.accept({ format: 'pgcopy-binary', fields: [] })).toBeNull();
  });
});
