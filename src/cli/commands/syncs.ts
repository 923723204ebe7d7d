import type { Command } from 'commander';
import type {
  BulkSyncBody,
  BulkSyncRequest,
  Client,
  ExecutionBody,
  StartWithOverridesRequest,
} from '../../contract/index.ts';
import type { GlobalOptions, Run } from '../command.ts';
import { FILE_HELP, readDefinition } from '../definition-file.ts';
import { executionLine, executionTable, exitCodeOf } from '../execution.ts';
import { formatTable, formatTime } from '../format.ts';
import { findConnection, findSync, isId } from '../lookup.ts';
import { readPercent } from '../percent.ts';
import { readToEnd } from '../prompt.ts';
import { receiptLines, rejectLines } from '../receipt.ts';
import { waitForSchemas } from '../schemas.ts';
import { printJson, type Session } from '../session.ts';
import { timingLines } from '../timing.ts';
import { UsageError } from '../usage-error.ts';
import { followExecution } from '../watch.ts';
import { addPlanCommand } from './plan.ts';

interface StartOptions extends GlobalOptions {
  readonly watch?: boolean;
  readonly schema?: readonly string[];
  readonly resyncMode?: string;
  readonly fetchMode?: string;
  readonly maxLossPercent?: string;
  readonly test?: boolean;
}

interface ReceiptOptions extends GlobalOptions {
  readonly execution?: string;
}

const SHOWN_REJECTS = 20;

/** `syncs list|create|start|verify|status|cancel|receipt`. */
export function addSyncCommands(program: Command, run: Run): void {
  const syncs = program.command('syncs').description('bulk syncs: whole tables from a source into a destination');
  syncs
    .command('list')
    .description('list the syncs')
    .action((_: unknown, command: Command) => run(command.optsWithGlobals(), listSyncs));
  syncs
    .command('create')
    .description('store a sync; connections may be given by id or by name')
    .requiredOption('-f, --file <file>', FILE_HELP)
    .action((_: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { readonly file: string }>();
      return run(options, (session) => createSync(session, options.file));
    });
  addExecutionCommands(syncs, run);
}

function addExecutionCommands(syncs: Command, run: Run): void {
  addPlanCommand(syncs, run);
  syncs
    .command('start')
    .description('start a sync; exit code 1 when it is watched and does not complete')
    .argument('<sync>', 'id or name')
    .option('-w, --watch', 'follow it to its end and print its receipt; Ctrl-C leaves it running')
    .option('--schema <id...>', 'only these schemas')
    .option('--resync-mode <mode>', 'read everything again: refetch, resync or rebuild')
    .option('--fetch-mode <mode>', 'full: ignore tracking fields; incremental: only changes')
    .option('--max-loss-percent <percent>', 'another loss guard for this start; 100 switches it off')
    .option('--test', 'check and plan everything, and write nothing')
    .action((sync: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<StartOptions>();
      return run(options, (session) => startSync(session, sync, options));
    });
  syncs
    .command('verify')
    .description('compare source and destination, and write nothing; exit code 0 when they are equal, 1 when not')
    .argument('<sync>', 'id or name')
    .option('--schema <id...>', 'only these schemas')
    .action((sync: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<StartOptions>();
      return run(options, (session) => verifySync(session, sync, options));
    });
  syncs
    .command('status')
    .description('show what a sync does now, or did last')
    .argument('<sync>', 'id or name')
    .action((sync: string, _: unknown, command: Command) =>
      run(command.optsWithGlobals(), (session) => showStatus(session, sync)),
    );
  syncs
    .command('cancel')
    .description('ask the running execution to stop')
    .argument('<sync>', 'id or name')
    .action((sync: string, _: unknown, command: Command) =>
      run(command.optsWithGlobals(), (session) => cancelSync(session, sync)),
    );
  syncs
    .command('receipt')
    .description('print what an execution proved; exit code 1 when source and destination differ')
    .argument('<sync>', 'id or name')
    .option('--execution <id>', 'another execution than the last')
    .action((sync: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ReceiptOptions>();
      return run(options, (session) => showReceipt(session, sync, options.execution));
    });
}

async function listSyncs(session: Session): Promise<number> {
  const syncs = await session.client().listBulkSyncs(session.signal);
  if (session.isJson) return printJson(session, syncs);
  if (syncs.length === 0) {
    session.out.line('There are no syncs yet: `millrace syncs create -f file.yaml` makes one.');
    return 0;
  }
  const columns = [{ title: 'name' }, { title: 'mode' }, { title: 'active' }, { title: 'changed' }, { title: 'id' }];
  const rows = syncs.map(({ name, mode, active, updated_at, id }) => [
    name,
    mode,
    active ? 'yes' : 'no',
    formatTime(updated_at),
    id,
  ]);
  session.out.line(...formatTable(columns, rows));
  return 0;
}

async function createSync(session: Session, file: string): Promise<number> {
  const client = session.client();
  const document = await readDefinition(file, {
    environment: session.environment,
    readStandardInput: () => readToEnd(session.input),
  });
  const definition = await resolveConnections(client, document, session.signal);
  const { source_connection_id: source } = definition;
  if (typeof source === 'string') await waitForSchemas(client, source, session.signal);
  // The server checks every field and names the one that is wrong; a second check here could only differ from it.
  const sync = await client.createBulkSync(definition as BulkSyncRequest, session.signal);
  if (session.isJson) return printJson(session, sync);
  session.out.line(`Made the sync "${sync.name}" (${sync.mode}): ${sync.id}`);
  return 0;
}

async function resolveConnections(
  client: Client,
  document: Record<string, unknown>,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const definition = { ...document };
  for (const side of ['source_connection_id', 'destination_connection_id']) {
    const given = definition[side];
    if (typeof given === 'string' && !isId(given)) definition[side] = (await findConnection(client, given, signal)).id;
  }
  return definition;
}

async function startSync(session: Session, idOrName: string, options: StartOptions): Promise<number> {
  const client = session.client();
  const sync = await findSync(client, idOrName, session.signal);
  const started = await client.startBulkSync(sync.id, toStart(options), session.signal);
  if (options.watch === true) return watchSync(session, client, sync, started);
  if (session.isJson) return printJson(session, started);
  session.out.line(
    `Started "${sync.name}", execution ${started.id}. \`millrace syncs status ${sync.id}\` shows how far it is.`,
  );
  return 0;
}

async function verifySync(session: Session, idOrName: string, { schema }: StartOptions): Promise<number> {
  const client = session.client();
  const sync = await findSync(client, idOrName, session.signal);
  const body = schema === undefined ? {} : { schemas: [...schema] };
  const started = await client.verifyBulkSync(sync.id, body, session.signal);
  return watchSync(session, client, sync, started);
}

/** The server knows which modes there are, and which of them this sync takes. */
function toStart(options: StartOptions): NonNullable<StartWithOverridesRequest> {
  const { schema, resyncMode, fetchMode, maxLossPercent, test } = options;
  return {
    ...(schema === undefined ? {} : { schemas: [...schema] }),
    // Any text: what is no mode is refused there, naming the modes.
    ...(resyncMode === undefined ? {} : { resync_mode: resyncMode as 'refetch' }),
    ...(fetchMode === undefined ? {} : { fetch_mode: fetchMode as 'full' }),
    ...(maxLossPercent === undefined ? {} : { max_loss_percent: readPercent('--max-loss-percent', maxLossPercent) }),
    ...(test === undefined ? {} : { test }),
  };
}

async function watchSync(
  session: Session,
  client: Client,
  sync: BulkSyncBody,
  started: ExecutionBody,
): Promise<number> {
  const target = { syncId: sync.id, executionId: started.id };
  // With --json standard output holds one document only.
  const terminal = session.isJson ? session.err : session.out;
  terminal.line(`Started "${sync.name}", execution ${started.id}. Ctrl-C leaves it running.`);
  const execution = await followExecution(client, target, terminal, session.signal);
  if (execution === null) {
    session.err.line(
      '',
      `"${sync.name}" goes on without us. \`millrace syncs status ${sync.id}\` shows how far it is, \`millrace syncs cancel ${sync.id}\` stops it.`,
    );
    return 130;
  }
  const receipt = await client.findReceipt(sync.id, execution.id, session.signal);
  if (session.isJson) {
    printJson(session, { execution, receipt });
  } else {
    const timing = await client.getTiming(sync.id, execution.id, session.signal);
    session.out.line(executionLine(execution, session.out), ...timingLines(timing));
    if (execution.status !== 'completed' || execution.is_test) session.out.line(...executionTable(execution));
    if (receipt !== null) session.out.line('', ...receiptLines(receipt, session.out));
  }
  return exitCodeOf(execution);
}

async function showStatus(session: Session, idOrName: string): Promise<number> {
  const client = session.client();
  const sync = await findSync(client, idOrName, session.signal);
  const status = await client.getBulkSyncStatus(sync.id, session.signal);
  if (session.isJson) return printJson(session, status);
  const execution = status.current_execution ?? status.last_execution;
  if (execution === undefined) session.out.line(`"${sync.name}" has not run yet.`);
  else
    session.out.line(
      `Execution ${execution.id}`,
      executionLine(execution, session.out),
      ...timingLines(await client.getTiming(sync.id, execution.id, session.signal)),
      ...executionTable(execution),
    );
  if (status.next_execution_time !== null)
    session.out.line(`Next start by schedule: ${formatTime(status.next_execution_time)}`);
  return 0;
}

async function cancelSync(session: Session, idOrName: string): Promise<number> {
  const client = session.client();
  const sync = await findSync(client, idOrName, session.signal);
  const message = await client.cancelBulkSync(sync.id, session.signal);
  if (session.isJson) return printJson(session, { message });
  session.out.line(message);
  return 0;
}

async function showReceipt(session: Session, idOrName: string, executionId?: string): Promise<number> {
  const client = session.client();
  const sync = await findSync(client, idOrName, session.signal);
  const id = executionId ?? (await client.getBulkSyncStatus(sync.id, session.signal)).last_execution?.id;
  if (id === undefined)
    throw new UsageError(`"${sync.name}" has not finished an execution yet, so there is no receipt.`);
  const receipt = await client.getReceipt(sync.id, id, session.signal);
  if (session.isJson) {
    printJson(session, receipt);
  } else {
    session.out.line(...receiptLines(receipt, session.out));
    if (receipt.schemas.some(({ counts }) => counts.rejected > 0)) {
      const rejects = await client.listRejects(sync.id, id, SHOWN_REJECTS, session.signal);
      session.out.line('', ...rejectLines(rejects));
    }
  }
  return receipt.verdict === 'different' ? 1 : 0;
}
