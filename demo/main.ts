import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  createTerminal,
  executionLine,
  executionTable,
  formatCount,
  formatDuration,
  formatTable,
  receiptLines,
  type Terminal,
  watchExecution,
} from '../src/cli/index.ts';
import { ApiFailure, type BulkSyncBody, type Client, createClient, type ExecutionBody } from '../src/contract/index.ts';
import { describeFailure, readConfig } from '../src/runtime/index.ts';
import { makeConnections, makeSyncs, removeOldDemo } from './control.ts';
import { type DemoDatabases, openDatabases, withClient } from './databases.ts';
import { DEMO, HOME } from './plan.ts';
import { type DemoServer, openServer, ServerFailure } from './server.ts';
import { changeFlights, loadSource } from './source-data.ts';

/** What every chapter of the demo uses. */
interface Stage {
  readonly terminal: Terminal;
  readonly server: DemoServer;
  readonly databases: DemoDatabases;
  readonly client: Client;
  readonly signal: AbortSignal;
}

const controller = new AbortController();
process.on('SIGINT', () => controller.abort());
process.on('SIGTERM', () => controller.abort());

const terminal = createTerminal(process.stdout, { hasColour: !process.env.NO_COLOR });
try {
  process.exitCode = await runDemo(terminal, controller.signal);
} catch (error) {
  terminal.line('', explain(error, controller.signal));
  process.exitCode = controller.signal.aborted ? 130 : 1;
}

async function runDemo(terminal: Terminal, signal: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  terminal.line(
    terminal.style('bold', 'Millrace demo'),
    'Three million real flights, and four smaller tables, out of a PostgreSQL database into another one',
    'and into a DuckDB file. Everything after the test data goes through the public HTTP API.',
  );
  chapter(terminal, 'Servers');
  await using server = await openServer(HOME, signal);
  await using databases = await openDatabases(HOME);
  const client = createClient(server);
  const stage: Stage = { terminal, server, databases, client, signal };
  terminal.line(
    `Millrace        ${server.url}  ${server.isOurs ? 'started' : 'runs already'}`,
    `test databases  ${databases.source.hostname}:${databases.source.port}  a PostgreSQL of the demo's own`,
  );
  const syncs = await prepare(stage);
  const first = await runAll(stage, 'First run: everything', syncs);
  const changed = await change(stage);
  const second = await runAll(stage, 'Second run: what changed', syncs);
  const isAsPromised = compare(terminal, second, changed);
  const isComplete = [...first, ...second].every(({ status }) => status === 'completed');
  if (isAsPromised && isComplete) sayGoodbye(stage, (performance.now() - startedAt) / 1000);
  return isAsPromised && isComplete ? 0 : 1;
}

/** Builds the source and makes connections and syncs, after clearing what an earlier demo left. */
async function prepare({ terminal, server, databases, client, signal }: Stage): Promise<readonly BulkSyncBody[]> {
  await removeOldDemo(client, signal);
  removeDuckdbFile(server);
  await databases.rebuild();
  chapter(terminal, 'Source data, from the package vega-datasets');
  await withClient(databases.source, async (session) => {
    for await (const { table, records, seconds } of loadSource(session, signal)) {
      terminal.line(
        `${table.padEnd(12)}${formatCount(records).padStart(11)} records  ${formatDuration(seconds).padStart(6)}`,
      );
    }
  });
  chapter(terminal, 'Connections and syncs, by HTTP');
  const connections = await makeConnections(client, databases, signal);
  const syncs = await makeSyncs(client, connections, signal);
  const rows = [
    ...Object.values(connections).map(({ name, type, id }) => ['POST /api/connections', name, type.id, id]),
    ...syncs.map(({ name, mode, id }) => ['POST /api/bulk/syncs', name, mode, id]),
  ];
  const columns = [{ title: 'request' }, { title: 'name' }, { title: 'kind' }, { title: 'id' }];
  terminal.line(...formatTable(columns, rows));
  return syncs;
}

/** The file belongs to the demo, like its databases; its new connection starts from nothing. */
function removeDuckdbFile({ organizationId }: DemoServer): void {
  const { filesRoot } = readConfig(process.env, { home: HOME });
  for (const suffix of ['', '.wal']) rmSync(join(filesRoot, organizationId, DEMO.duckdbFile + suffix), { force: true });
}

async function runAll(stage: Stage, title: string, syncs: readonly BulkSyncBody[]): Promise<readonly ExecutionBody[]> {
  const executions: ExecutionBody[] = [];
  for (const sync of syncs) {
    chapter(stage.terminal, `${title}. ${sync.name.replace('Demo: f', 'F')}`);
    executions.push(await runOne(stage, sync));
  }
  return executions;
}

async function runOne({ terminal, client, signal }: Stage, sync: BulkSyncBody): Promise<ExecutionBody> {
  const { id } = await client.startBulkSync(sync.id, {}, signal);
  const execution = await watchExecution(client, { syncId: sync.id, executionId: id }, terminal, signal);
  terminal.line('', executionLine(execution, terminal));
  if (execution.status !== 'completed') terminal.line(...executionTable(execution));
  const receipt = await client.findReceipt(sync.id, id, signal);
  if (receipt !== null) terminal.line('', ...receiptLines(receipt, terminal));
  return execution;
}

async function change({ terminal, databases }: Stage): Promise<number> {
  chapter(terminal, 'A change in the source');
  const changed = await withClient(databases.source, changeFlights);
  terminal.line(
    `UPDATE flights SET delay = delay + 1, updated_at = now() WHERE …  ${formatCount(changed)} records changed.`,
    'The syncs track flights.updated_at, so the next run reads those flights and not the other three million.',
    'Tables without a tracking field are read whole and compared; tables without a key are replaced.',
  );
  return changed;
}

/** What the second run wrote, by schema and destination. True when it is exactly the changed flights. */
function compare(terminal: Terminal, executions: readonly ExecutionBody[], changed: number): boolean {
  chapter(terminal, 'What the second run wrote (record_count)');
  const [postgresql, duckdb] = executions;
  const rows = (postgresql?.schemas ?? []).map(({ schema, record_count }) => [
    schema,
    formatCount(record_count),
    formatCount(written(duckdb, schema)),
  ]);
  const columns = [
    { title: 'schema' },
    { title: 'to PostgreSQL', align: 'right' as const },
    { title: 'to DuckDB', align: 'right' as const },
  ];
  terminal.line(...formatTable(columns, rows), '');
  const isExact = executions.every((execution) => written(execution, 'public.flights') === changed);
  terminal.line(
    isExact
      ? `Of 3,000,000 flights exactly the ${formatCount(changed)} changed ones were written, to both destinations.`
      : terminal.style('red', `Of the flights, exactly ${formatCount(changed)} should have been written.`),
  );
  return isExact;
}

function written(execution: ExecutionBody | undefined, schemaId: string): number {
  return execution?.schemas.find(({ schema }) => schema === schemaId)?.record_count ?? 0;
}

function sayGoodbye({ terminal, server }: Stage, seconds: number): void {
  chapter(terminal, `Done in ${formatDuration(seconds)}. Look at the result`);
  terminal.line(
    'npm run demo:query   asks both destinations the same questions',
    server.isOurs
      ? 'npm start            starts the server again; its API reference is at the address that it prints'
      : `${server.url}   is still running; its API reference is there`,
    'npm run demo         does all of this once more',
  );
}

function chapter(terminal: Terminal, title: string): void {
  terminal.line('', terminal.style('bold', title), '');
}

function explain(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'Stopped. `npm run demo` starts it again from the beginning.';
  return error instanceof ApiFailure || error instanceof ServerFailure ? error.message : describeFailure(error);
}
