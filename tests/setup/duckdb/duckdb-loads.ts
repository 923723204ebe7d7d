import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  type Connector,
  type ConnectorContext,
  createLoneCredit,
  type Load,
  type LoadColumn,
  type LoadPlan,
  type PublishCounts,
  type Reject,
  type SegmentOutcome,
} from '../../../src/connector-kit/index.ts';
import { CONNECTORS } from '../../../src/connectors/index.ts';
import type { LogicalType, RangeSum } from '../../../src/core/index.ts';
import { type Chunk, createRecordHasher, readKey, subtractSums } from '../../../src/formats/index.ts';

/** Fields of one record as text; null is NULL. */
export type Fields = readonly (string | null)[];

/** A files root of its own. Use with `await using`. */
export async function createFilesRoot(): Promise<{ readonly root: string } & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-files-'));
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

/** What a connector of files under the root is given. */
export function createFileContext(root: string, failpoint: (name: string) => void = () => {}): ConnectorContext {
  return {
    organizationId: 'organization',
    filesRoot: root,
    resolveHost: (host) => Promise.resolve(host),
    forbiddenDatabase: null,
    columnPrefix: '__millrace_',
    applicationName: 'test',
    failpoint,
    credit: createLoneCredit(64 * 1024 * 1024),
  };
}

/** The DuckDB connector on `path` under the root. */
export async function connectFile(root: string, path: string, failpoint?: (name: string) => void): Promise<Connector> {
  const definition = CONNECTORS.get('duckdb');
  if (definition === undefined) throw new Error('the duckdb connector is not registered');
  return definition.connect({ path }, createFileContext(root, failpoint));
}

/** The connector of plain files on `path` under the root. */
export async function connectFiles(
  root: string,
  path: string,
  format: string,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<Connector> {
  const definition = CONNECTORS.get('files');
  if (definition === undefined) throw new Error('the files connector is not registered');
  return definition.connect(definition.config.parse({ path, format, ...settings }), createFileContext(root));
}

export interface PlanOptions extends Partial<Omit<LoadPlan, 'columns'>> {
  /** Name → type; names that begin with `*` belong to the key. */
  readonly fields: Readonly<Record<string, LogicalType>>;
}

/** A plan of which only the fields must be given. */
export function createPlan(connector: Connector, { fields, ...given }: PlanOptions): LoadPlan {
  return {
    syncId: 'sync',
    schemaId: 'public.flights',
    executionId: 'execution',
    generation: 1,
    kind: 'replace',
    replacement: 'auto',
    table: { schema: 'main', name: 'flights' },
    columns: toColumns(connector, fields),
    format: 'csv',
    hashing: 'canonical',
    recordTimestamps: true,
    tombstones: Object.keys(fields).some((name) => name.startsWith('*')),
    columnPrefix: '__millrace_',
    stampedAt: '2024-05-01T12:00:00.000Z',
    adopt: false,
    ...given,
  };
}

function toColumns(connector: Connector, fields: Readonly<Record<string, LogicalType>>): readonly LoadColumn[] {
  const offered = Object.entries(fields).map(([name, logicalType]) => ({
    id: name.replace(/^\*/, ''),
    logicalType,
    wireType: logicalType.kind,
    conversion: null,
    isNullable: true,
  }));
  const acceptance = connector.destination?.accept({ format: 'csv', fields: offered });
  return offered.map(({ id, logicalType }, i) => ({
    field: id,
    name: id,
    type: acceptance?.columns[i]?.type ?? '',
    logicalType,
    isKey: `*${id}` in fields,
  }));
}

/** One chunk as a PostgreSQL source would send it. */
function toCsvChunk(records: readonly Fields[]): Chunk {
  const quote = (text: string | null) => {
    if (text === null) return '';
    return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = records.map((fields) => Buffer.from(`${fields.map(quote).join(',')}\n`));
  let end = 0;
  const ends = Uint32Array.from(lines, (line) => {
    end += line.byteLength;
    return end;
  });
  return { format: 'csv', payload: new Uint8Array(Buffer.concat(lines)), ends };
}

/** What the source's side would say of these records. */
export function sumOf(plan: LoadPlan, records: readonly Fields[]): RangeSum {
  const hasher = createRecordHasher(
    'canonical',
    plan.columns.map(({ logicalType }) => logicalType),
  );
  hasher.add(toCsvChunk(records));
  return hasher.result();
}

/** Writes and commits one segment, as the engine does, and returns its outcome. */
export async function loadSegment(
  load: Load,
  plan: LoadPlan,
  segment: { readonly no: number; readonly token: number; readonly isolate?: boolean },
  chunks: readonly (readonly Fields[])[],
  signal: AbortSignal = new AbortController().signal,
): Promise<SegmentOutcome> {
  await using writer = await load.beginSegment(segment, { isolate: segment.isolate ?? false }, signal);
  const types = plan.columns.map(({ logicalType }) => logicalType);
  const [all, refused] = [createRecordHasher('canonical', types), createRecordHasher('canonical', types)];
  const keyFields = plan.columns.flatMap(({ field, logicalType, isKey }, position) =>
    isKey ? [{ position, id: field, logicalType }] : [],
  );
  const rejects: Reject[] = [];
  let bytesRead = 0;
  for (const records of chunks) {
    const chunk = toCsvChunk(records);
    all.add(chunk);
    bytesRead += chunk.payload.byteLength;
    for (const { index, reason } of await writer.write(chunk, signal)) {
      refused.add(toCsvChunk(records.slice(index, index + 1)));
      rejects.push({ key: keyFields.length === 0 ? null : readKey(chunk, index, keyFields), reason });
    }
  }
  const source = subtractSums(all.result(), refused.result());
  const outcome = { recordsRead: all.result().records, bytesRead, source, rejects };
  await writer.commit(outcome, signal);
  return outcome;
}

/** One whole load of one segment; returns the publication's counts and what the destination says of its records. */
export async function runLoad(
  connector: Connector,
  plan: LoadPlan,
  records: readonly Fields[],
  options: { readonly isolate?: boolean; readonly maxLossPercent?: number; readonly maxRejects?: number } = {},
): Promise<{ readonly counts: PublishCounts; readonly destination: RangeSum; readonly outcome: SegmentOutcome }> {
  const signal = new AbortController().signal;
  if (connector.destination === undefined) throw new Error('no destination');
  await using load = await connector.destination.open(plan, signal);
  await load.prepare(signal);
  const outcome = await loadSegment(
    load,
    plan,
    { no: 0, token: 1, isolate: options.isolate ?? false },
    [records],
    signal,
  );
  await load.seal(signal);
  const { maxLossPercent = 100, maxRejects = 1_000 } = options;
  const guard = { maxLossPercent, maxRejects };
  if (plan.kind === 'replace') {
    const destination = await load.digest(null, false, signal);
    const counts = await load.publish(guard, signal);
    await load.discard(signal);
    return { counts, destination, outcome };
  }
  const counts = await load.publish(guard, signal);
  const destination = await load.digest(null, false, signal);
  await load.discard(signal);
  return { counts, destination, outcome };
}

/** Reads a closed database file in a process-independent way: with the driver itself. */
export async function queryFile(path: string, sql: string): Promise<readonly (readonly unknown[])[]> {
  const instance = await DuckDBInstance.create(path);
  try {
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    const result = await connection.run(sql);
    const rows = await result.getRowsJson();
    connection.closeSync();
    return rows;
  } finally {
    instance.closeSync();
  }
}
