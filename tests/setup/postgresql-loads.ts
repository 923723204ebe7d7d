import pg from 'pg';
import type {
  Checkpoint,
  Connector,
  ConnectorContext,
  Load,
  LoadPlan,
  PublishCounts,
  Reject,
  SegmentRange,
  SnapshotRef,
} from '../../src/connector-kit/index.ts';
import { createLoneCredit } from '../../src/connector-kit/index.ts';
import { CONNECTORS } from '../../src/connectors/index.ts';
import type { RangeSum } from '../../src/core/index.ts';
import { addSums, type Chunk, createRecordHasher, emptySum, readKey, subtractSums } from '../../src/formats/index.ts';
import { createTestDatabase } from './databases.ts';
import { postgresConfiguration } from './syncs.ts';

/** A signal that never aborts. */
export const NEVER: AbortSignal = new AbortController().signal;

/** What a pipeline thread would give the connector. */
export function createDatabaseContext(given: Partial<ConnectorContext> = {}): ConnectorContext {
  return {
    organizationId: 'organization',
    filesRoot: '/nonexistent',
    resolveHost: (host) => Promise.resolve(host),
    forbiddenDatabase: null,
    columnPrefix: '__millrace_',
    applicationName: 'millrace test',
    failpoint: () => {},
    credit: createLoneCredit(256 * 1024 * 1024),
    ...given,
  };
}

/** The connector on the database of a URL. */
export function connectDatabase(
  url: string,
  context: Partial<ConnectorContext> = {},
  config: Readonly<Record<string, unknown>> = {},
): Promise<Connector> {
  const definition = CONNECTORS.get('postgresql');
  if (definition === undefined) throw new Error('the postgresql connector is not registered');
  return definition.connect(
    definition.config.parse({ ...postgresConfiguration(url), ...config }),
    createDatabaseContext(context),
  );
}

/** A database of its own with a connector on it, and plain SQL beside it. */
export interface Side extends AsyncDisposable {
  readonly url: string;
  readonly superuserUrl: string;
  readonly connector: Connector;
  /** Records as arrays of PostgreSQL's text. */
  sql(text: string, values?: readonly unknown[]): Promise<(string | null)[][]>;
}

/** Owned by an ordinary user, as whom both the connector and `sql` come. */
export async function openSide(context: Partial<ConnectorContext> = {}): Promise<Side> {
  const database = await createTestDatabase();
  const client = new pg.Client({ connectionString: database.ownerUrl, types: { getTypeParser: () => String } });
  await client.connect();
  const connector = await connectDatabase(database.ownerUrl, context);
  return {
    url: database.ownerUrl,
    superuserUrl: database.url,
    connector,
    async sql(text, values = []) {
      const result = await client.query({ text, values: [...values], rowMode: 'array' });
      return result.rows;
    },
    async [Symbol.asyncDispose]() {
      await connector[Symbol.asyncDispose]();
      await client.end();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** What one run copies. Everything but source, destination and schema has a default. */
export interface Copy {
  readonly source: Connector;
  readonly destination: Connector;
  readonly schemaId: string;
  readonly plan?: Partial<LoadPlan>;
  /** All fields when absent. */
  readonly fields?: readonly string[];
  readonly segmentBytes?: number;
  readonly isolate?: boolean;
  readonly from?: Checkpoint | null;
  /** Field of which the next checkpoint is asked. */
  readonly tracking?: string;
  readonly maxLossPercent?: number;
  readonly maxRejects?: number;
  /** Changes the planned column types, to make records be refused. */
  readonly types?: Readonly<Record<string, string>>;
}

/** What a run left. */
export interface Copied {
  readonly plan: LoadPlan;
  readonly ranges: readonly SegmentRange[];
  readonly counts: PublishCounts;
  /** Of the records that should be in the destination now. */
  readonly expected: RangeSum;
  /** What the destination has of it. */
  readonly found: RangeSum;
  readonly rejects: readonly Reject[];
  readonly next: Checkpoint | null;
}

/** One execution of one schema by the connector contract, without an engine: plan, segments one by one, proof, publication. */
export async function copySchema(copy: Copy): Promise<Copied> {
  const { source } = both(copy);
  await using snapshot = await source.openSnapshot(NEVER);
  const { plan, read, next } = await planCopy(copy, snapshot);
  await using load = await openLoad(copy.destination, plan);
  await load.prepare(NEVER);
  let written = emptySum(false);
  const rejects: Reject[] = [];
  for (const [no, range] of read.ranges.entries()) {
    const outcome = await copySegment(copy, load, plan, { no, token: 1 }, { ...read, range });
    written = addSums(written, outcome.source);
    rejects.push(...outcome.rejects);
  }
  await load.seal(NEVER);
  const before = plan.kind === 'replace' ? await load.digest(null, false, NEVER) : null;
  const guard = { maxLossPercent: copy.maxLossPercent ?? 100, maxRejects: copy.maxRejects ?? 1_000 };
  const counts = await load.publish(guard, NEVER);
  const found = before ?? (await load.digest(null, false, NEVER));
  await load.discard(NEVER);
  const expected = before === null ? subtractSums(written, counts.rejected) : written;
  return { plan, ranges: read.ranges, counts, expected, found, rejects: [...rejects, ...counts.rejects], next };
}

/** The parts of a read request that are the same for every segment. */
export interface ReadPlan {
  readonly schema: Parameters<NonNullable<Connector['source']>['planSegments']>[0]['schema'];
  readonly offer: ReturnType<NonNullable<Connector['source']>['offer']>[number];
  readonly ranges: readonly SegmentRange[];
  readonly snapshot: SnapshotRef;
}

/** Finds the schema, chooses the format, cuts it. */
export async function planCopy(
  copy: Copy,
  snapshot: SnapshotRef,
): Promise<{ plan: LoadPlan; read: ReadPlan; next: Checkpoint | null }> {
  const { source, destination } = both(copy);
  const schema = (await source.discover(NEVER)).find(({ id }) => id === copy.schemaId);
  if (schema === undefined) throw new Error(`${copy.schemaId} was not discovered`);
  const fields = schema.fields.filter(({ id }) => copy.fields?.includes(id) ?? true);
  const choices = source.offer(fields).flatMap((offer) => {
    const acceptance = destination.accept(offer);
    return acceptance === null ? [] : [{ offer, acceptance }];
  });
  const [choice] = choices.toSorted((a, b) => a.acceptance.cost - b.acceptance.cost);
  if (choice === undefined) throw new Error('the two systems share no format');
  const { offer, acceptance } = choice;
  const from = copy.from ?? null;
  const ranges = await source.planSegments(
    { schema, snapshot, segmentBytes: copy.segmentBytes ?? 1 << 27, from, filters: [] },
    NEVER,
  );
  const tracked = schema.fields.find(({ id }) => id === copy.tracking);
  const tracking =
    tracked === undefined ? null : await source.planTracking({ schema, field: tracked, snapshot }, NEVER);
  const plan: LoadPlan = {
    syncId: 'sync',
    schemaId: copy.schemaId,
    executionId: 'execution',
    generation: 1,
    kind: 'replace',
    replacement: 'auto',
    table: { schema: destination.defaultSchema, name: schema.name },
    columns: offer.fields.map((field, index) => ({
      field: field.id,
      name: field.id,
      type: copy.types?.[field.id] ?? acceptance.columns[index]?.type ?? '',
      logicalType: field.logicalType,
      isKey: schema.primaryKey.includes(field.id),
    })),
    format: acceptance.format,
    hashing: acceptance.hashing,
    recordTimestamps: true,
    tombstones: false,
    columnPrefix: '__millrace_',
    stampedAt: '2026-01-02T03:04:05.000Z',
    adopt: false,
    ...copy.plan,
  };
  return { plan, read: { schema, offer, ranges, snapshot }, next: tracking?.next ?? null };
}

/** The plan of a copy that has one segment, and all of its chunks. */
export async function readWhole(
  copy: Copy,
  snapshot: SnapshotRef,
): Promise<{ readonly plan: LoadPlan; readonly chunks: readonly Chunk[] }> {
  const { plan, read } = await planCopy(copy, snapshot);
  const [range] = read.ranges;
  if (range === undefined) throw new Error('no range');
  const chunks: Chunk[] = [];
  const request = { ...read, fields: read.offer.fields, format: plan.format, range, from: null, filters: [] };
  for await (const { chunk } of both(copy).source.read(request, NEVER))
    chunks.push({ ...chunk, payload: chunk.payload.slice() });
  return { plan, chunks };
}

/** One segment from read to commit. */
async function copySegment(
  copy: Copy,
  load: Load,
  plan: LoadPlan,
  segment: { readonly no: number; readonly token: number },
  read: ReadPlan & { readonly range: SegmentRange },
): Promise<{ readonly source: RangeSum; readonly rejects: readonly Reject[] }> {
  const { source } = both(copy);
  await using writer = await load.beginSegment(segment, { isolate: copy.isolate ?? false }, NEVER);
  const hasher = createRecordHasher(
    plan.hashing,
    plan.columns.map(({ logicalType }) => logicalType),
  );
  const keys = plan.columns.flatMap((column, position) =>
    column.isKey ? [{ position, id: column.field, logicalType: column.logicalType }] : [],
  );
  let rejected = emptySum(false);
  let recordsRead = 0;
  let bytesRead = 0;
  const rejects: Reject[] = [];
  const request = {
    schema: read.schema,
    format: plan.format,
    fields: read.offer.fields,
    range: read.range,
    snapshot: read.snapshot,
    from: copy.from ?? null,
    filters: [],
  };
  for await (const { chunk } of source.read(request, NEVER)) {
    hasher.add(chunk);
    recordsRead += chunk.ends.length;
    bytesRead += chunk.payload.byteLength;
    for (const { index, reason } of await writer.write(chunk, NEVER)) {
      rejected = addSums(rejected, hasher.sumOf(chunk, index));
      rejects.push({ key: keys.length === 0 ? null : readKey(chunk, index, keys), reason });
    }
  }
  const outcome = { recordsRead, bytesRead, source: subtractSums(hasher.result(), rejected), rejects };
  await writer.commit(outcome, NEVER);
  return outcome;
}

/** The load of a plan on a connector. */
export function openLoad(destination: Connector, plan: LoadPlan): Promise<Load> {
  if (destination.destination === undefined) throw new Error('the connector is no destination');
  return destination.destination.open(plan, NEVER);
}

function both(copy: Pick<Copy, 'source' | 'destination'>) {
  const { source } = copy.source;
  const { destination } = copy.destination;
  if (source === undefined || destination === undefined) throw new Error('a side of the copy is missing');
  return { source, destination };
}
