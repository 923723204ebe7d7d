import type {
  BulkSource,
  Connector,
  FoundRecords,
  ModelReader,
  ReadableTable,
  ReadLimits,
} from '../../connector-kit/index.ts';
import { isAbort, type ModelOrigin, type ModelOriginKind, SyncError } from '../../core/index.ts';
import type { ConnectionRecord } from '../../store/index.ts';
import { withConnector } from '../connections/with-connector.ts';
import type { Context } from '../context.ts';

/** A connection as models see it. */
export interface OpenReader {
  /** What its models may be made of. */
  readonly kinds: readonly ModelOriginKind[];
  listTables(signal: AbortSignal): Promise<readonly ReadableTable[]>;
  read(origin: ModelOrigin, limits: ReadLimits, signal: AbortSignal): Promise<FoundRecords>;
}

/** Values of one answer; a record of a model is seldom larger than a few KiB. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The limits of an answer that somebody waits for, and of a job's. */
export function limitsFor(waiting: 'request' | 'job', maxRecords: number): ReadLimits {
  return { maxRecords, maxBytes: MAX_BYTES, timeoutMs: waiting === 'request' ? 9_000 : 240_000 };
}

/**
 * Opens a connection for models and runs `work` on it.
 * @param limitMs how long all of it may take
 * @throws `FEATURE_NOT_SUPPORTED` when it cannot be read; `QUERY_FAILED` when it takes too long; what the system says
 */
export async function withReader<T>(
  context: Context,
  connection: ConnectionRecord,
  limitMs: number,
  work: (reader: OpenReader, signal: AbortSignal) => Promise<T>,
  stop?: AbortSignal,
): Promise<T> {
  const limit = AbortSignal.timeout(limitMs);
  const signal = stop === undefined ? limit : AbortSignal.any([limit, stop]);
  try {
    return await withConnector(context, connection, async (connector) => {
      const reader = toReader(connector);
      if (reader.kinds.length === 0) throw notReadable(connection);
      return work(reader, signal);
    });
  } catch (error) {
    // An abort by the limit comes as the signal's own reason or as the connector's word for it.
    const isOver = limit.aborted && (isAbort(error) || error === limit.reason);
    throw isOver ? tooSlow(connection, limitMs) : error;
  }
}

/** The same connection's models, or what its source can do for them. */
function toReader({ models = {}, source }: Connector): OpenReader {
  const { listTables, readTable, readQuery } = models;
  const table = readTable?.bind(models) ?? (source === undefined ? undefined : tableReader(source));
  const kinds: ModelOriginKind[] = [];
  if (table !== undefined) kinds.push('table');
  if (listTables !== undefined) kinds.push('view');
  if (readQuery !== undefined) kinds.push('query');
  return {
    kinds,
    listTables: listTables?.bind(models) ?? (async (signal) => listSourceTables(source, signal)),
    read: async ({ kind, value }, limits, signal) => {
      const read = kind === 'query' ? readQuery?.bind(models) : table;
      if (read === undefined) throw new SyncError('INTERNAL', `Nothing reads a ${kind} of this connection.`);
      return read(value, limits, signal);
    },
  };
}

async function listSourceTables(source: BulkSource | undefined, signal: AbortSignal): Promise<ReadableTable[]> {
  const schemas = (await source?.discover(signal)) ?? [];
  return schemas.map(({ id }) => ({ id, kind: 'table' }));
}

function tableReader(source: BulkSource): NonNullable<ModelReader['readTable']> {
  return async (id, { maxRecords }, signal) => {
    const schema = (await source.discover(signal)).find((found) => found.id === id);
    if (schema === undefined) throw new SyncError('QUERY_FAILED', `The connection has no table ${id}.`);
    const fields = schema.fields.map(({ name, type, remoteType, isPrimaryKey }) => ({
      name,
      type,
      remoteType,
      isUnique: isPrimaryKey && schema.primaryKey.length === 1,
    }));
    const records = maxRecords === 0 ? [] : await source.sample(id, maxRecords + 1, signal);
    return {
      fields,
      records: records.slice(0, maxRecords),
      isComplete: records.length <= maxRecords,
      warnings: [],
    };
  };
}

function notReadable({ name }: ConnectionRecord): SyncError {
  return new SyncError('FEATURE_NOT_SUPPORTED', `Connection "${name}" cannot be the source of a model.`);
}

function tooSlow({ name }: ConnectionRecord, limitMs: number): SyncError {
  return new SyncError(
    'QUERY_FAILED',
    `Connection "${name}" did not answer within ${limitMs / 1000} s. Ask with \`async=true\` where it needs longer.`,
  );
}
