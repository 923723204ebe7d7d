import { randomBytes } from 'node:crypto';
import type { BulkSyncBody, Client, ExecutionBody, ReceiptBody } from '../../contract/index.ts';
import { executionLine, executionTable } from '../execution.ts';
import { findConnection } from '../lookup.ts';
import { receiptLines, rejectLines } from '../receipt.ts';
import { waitForSchemas } from '../schemas.ts';
import { printJson, type Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { followExecution, watchExecution } from '../watch.ts';
import type { Endpoint } from './endpoint.ts';
import { selectTables } from './tables.ts';

/** What to copy, and how. */
export interface CopyRequest {
  readonly from: Endpoint;
  readonly to: Endpoint;
  /** Patterns separated by commas; absent = all. */
  readonly tables?: string | undefined;
  /** Schema of the destination. */
  readonly schema?: string | undefined;
  readonly mode: 'snapshot' | 'replicate';
  readonly depth: 'checksums' | 'counts';
  readonly adopt: boolean;
  /** Share of a table's records, or of a column's values, that may be lost; null = the server's default. */
  readonly maxLossPercent: number | null;
}

const SHOWN_REJECTS = 20;
/** A cancelled execution ends within seconds; cleaning up must not outlast a person's patience. */
const CLEANUP_LIMIT_MS = 30_000;
const INTERRUPTED = 130;

/**
 * Copies through temporary connections and a temporary sync, and removes them whatever happens.
 * @returns exit code: 0 only when the receipt says that all is equal
 */
export async function runCopy(session: Session, client: Client, request: CopyRequest): Promise<number> {
  // Everything that we make carries it, so that it is found even where the answer to its making was lost.
  const mark = `copy ${randomBytes(6).toString('hex')}`;
  try {
    const sync = await prepareSync(session, client, request, mark);
    const { maxLossPercent } = request;
    const start = maxLossPercent === null ? {} : { max_loss_percent: maxLossPercent };
    const started = await client.startBulkSync(sync.id, start, session.signal);
    return await follow(session, client, sync, started);
  } finally {
    await cleanUp(session, client, mark);
  }
}

async function prepareSync(
  session: Session,
  client: Client,
  { from, to, tables, schema, mode, depth, adopt }: CopyRequest,
  mark: string,
): Promise<BulkSyncBody> {
  const { signal } = session;
  const source = await openConnection(client, from, `${mark} from`, signal);
  const destination = await openConnection(client, to, `${mark} to`, signal);
  await waitForSchemas(client, source, signal);
  const known = (await client.listSourceSchemas(source, signal)).map(({ id }) => id);
  const schemas = selectTables(known, tables);
  if (schemas.length === 0) throw new UsageError('from: there is no table to copy.');
  const sync = await client.createBulkSync(
    {
      name: mark,
      mode,
      source_connection_id: source,
      destination_connection_id: destination,
      destination_configuration: schema === undefined ? {} : { schema },
      default_schedule: { frequency: 'manual' },
      schemas: [...schemas],
    },
    signal,
  );
  await client.setSyncSettings(sync.id, { receipt_depth: depth, adopt }, signal);
  return sync;
}

async function openConnection(client: Client, end: Endpoint, name: string, signal: AbortSignal): Promise<string> {
  if (end.kind === 'saved') return (await findConnection(client, end.idOrName, signal)).id;
  const { type, configuration } = end;
  return (await client.createConnection({ name, type, configuration }, signal)).id;
}

async function follow(session: Session, client: Client, sync: BulkSyncBody, started: ExecutionBody): Promise<number> {
  // With --json standard output holds one document only.
  const terminal = session.isJson ? session.err : session.out;
  const target = { syncId: sync.id, executionId: started.id };
  terminal.line(
    `Copying ${started.schemas.length || 'the'} tables. Ctrl-C stops it and leaves the tables as they were.`,
  );
  const execution = await followExecution(client, target, terminal, session.signal);
  if (execution === null) {
    session.err.line('', 'Stopping; the destination is tidied up first.');
    const limit = AbortSignal.timeout(CLEANUP_LIMIT_MS);
    await client.cancelBulkSync(sync.id, limit);
    const ended = await watchExecution(client, target, quiet(session), limit);
    session.err.line(executionLine(ended, session.err));
    return INTERRUPTED;
  }
  const receipt = await client.findReceipt(sync.id, execution.id, session.signal);
  if (session.isJson) printJson(session, { execution, receipt });
  else await printResult(session, client, sync, { execution, receipt });
  return execution.status === 'completed' && receipt?.verdict === 'equal' ? 0 : 1;
}

async function printResult(
  session: Session,
  client: Client,
  sync: BulkSyncBody,
  { execution, receipt }: { readonly execution: ExecutionBody; readonly receipt: ReceiptBody | null },
): Promise<void> {
  const { out, err, signal } = session;
  out.line(executionLine(execution, out));
  if (execution.status !== 'completed') out.line(...executionTable(execution));
  if (receipt !== null) out.line('', ...receiptLines(receipt, out));
  if (receipt?.schemas.some(({ counts }) => counts.rejected > 0) === true) {
    out.line('', ...rejectLines(await client.listRejects(sync.id, execution.id, SHOWN_REJECTS, signal)));
  }
  // The server speaks of settings, which a copy has as options.
  const said = execution.schemas.map(({ status_message }) => status_message ?? '').join('\n');
  if (/\badopt\b/.test(said)) err.line('Tables that are there already are written with --adopt only.');
  if (/\bmax_loss_percent\b/.test(said)) err.line('A loss that is meant is allowed with --max-loss-percent.');
}

/** Removes what carries the mark, even when Ctrl-C came; a server that is gone is told nothing. */
async function cleanUp(session: Session, client: Client, mark: string): Promise<void> {
  const limit = AbortSignal.timeout(CLEANUP_LIMIT_MS);
  try {
    for (const { id, name } of await client.listBulkSyncs(limit)) {
      if (name === mark) await client.deleteBulkSync(id, limit);
    }
    for (const { id, name } of await client.listConnections(limit)) {
      if (name.startsWith(mark)) await client.deleteConnection(id, limit);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    session.err.line(`Could not remove the temporary "${mark}" from the server: ${reason}`);
  }
}

function quiet({ err }: Session): Session['err'] {
  return { ...err, isInteractive: false, line: () => {}, write: () => {} };
}
