import { hkdfSync, randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { useServer } from '../setup/hooks.ts';
import { askServer } from '../setup/millrace.ts';
import {
  changeOptions,
  follow,
  isFree,
  type NamingOptions,
  pickDrift,
  pickKeyChange,
  pickNaming,
  pickNewTable,
  pickStart,
  pickTest,
  takeNew,
} from '../setup/random/random-changes.ts';
import { toDuckdb, toPostgresql, toReturned } from '../setup/random/random-ends.ts';
import { toCreateRequest } from '../setup/random/random-requests.ts';
import { changeSource, inSource, makeLaterTable, makeSource, openSession } from '../setup/random/random-source.ts';
import {
  connect,
  declareKey,
  describeToServer,
  expectTables,
  fitsColumns,
  forgetCursors,
  type Line,
  makeLine,
  patch,
  run,
  type Story,
  tryOut,
} from '../setup/random/random-story.ts';
import {
  pickFields,
  pickRecords,
  pickSync,
  pickTables,
  pickTracking,
  type SyncChoice,
} from '../setup/random/random-syncs.ts';
import { postgresConfiguration, untilEnded } from '../setup/syncs.ts';
import { createRandom } from '../torture/random.ts';

// Random tables over all types, through a whole server with random options, three executions with random changes of the
// tables, keys, names and options between them, some tried out before: into PostgreSQL, into a DuckDB file, and from that file into PostgreSQL again.

/** Set `SEED` to repeat a failure or to look elsewhere, `OPTION_RUNS` to look longer, and `OPTION_STEPS` for longer stories. */
const FIRST_SEED = Number(process.env.SEED ?? 1);
const RUNS = Number(process.env.OPTION_RUNS ?? 4);
const SEEDS = Array.from({ length: RUNS }, (_, i) => FIRST_SEED + i);
/** Executions of each sync. */
const STEPS = Number(process.env.OPTION_STEPS ?? 3);
const LIMIT_MS = 40_000 * STEPS;
const MASTER_KEY = randomBytes(32);

const server = useServer(() => ({ MILLRACE_ENCRYPTION_KEY: MASTER_KEY.toString('hex') }));
let hashKey: Uint8Array;

beforeAll(async () => {
  const organization = basename(server.filesFolder);
  await using session = await openSession(server.metadata.url);
  const [row] = await session.query(`SELECT encode(obfuscation_salt, 'hex') FROM installation`);
  const salt = Buffer.from(String(row?.[0]), 'hex');
  hashKey = new Uint8Array(hkdfSync('sha256', MASTER_KEY, salt, `millrace obfuscation ${organization}`, 32));
});

/** New filters, cutoffs, tracking fields and fields for some tables, and other tables. */
async function changeSelection(story: Story, line: Line, no: number): Promise<void> {
  const { random } = story;
  const always = random.between(0, story.tables.length - 1);
  const tables = line.choice.tables.map((former, i) => {
    if (i >= story.tables.length) return former;
    const isSwitched = i === always ? !former.isEnabled : random.chance(0.25);
    const choice = isSwitched ? { ...former, isEnabled: !former.isEnabled } : former;
    if (!random.chance(0.4)) return choice;
    return { ...pickFields(random, choice), ...pickRecords(random, pickTracking(random, choice.table)) };
  });
  if (!fitsColumns(line, { ...line.choice, tables })) return;
  const changed = tables.filter((choice, i) => choice !== line.choice.tables[i]);
  for (const { table, isEnabled } of changed) {
    const wasEnabled = line.choice.tables.some((choice) => choice.table.id === table.id && choice.isEnabled);
    if (isEnabled && !wasEnabled) line.enabledAt.set(table.id, no);
  }
  line.choice = { ...line.choice, tables };
  if (changed.length > 0) await patch(story, line.id, changed);
}

/** The options that count for the sync as a whole, names among them. */
async function changeSync(story: Story, line: Line, options: SyncChoice, former: NamingOptions): Promise<void> {
  const renamed = { ...options, ...pickNaming(story.random, line.choice, former) };
  const choice = fitsColumns(line, renamed) ? renamed : options;
  if (choice === line.choice) return;
  const ends = [story.sourceId, line.destinationId] as const;
  const { schemas: _, ...body } = toCreateRequest(`other ${line.id}`, ends, choice);
  await askServer(server, 'PUT', `/api/bulk/syncs/${line.id}`, body, story.signal);
  const movesBy = ({ mode, normalizeNames, prefix, mirrors, truncates, hardDeletes }: SyncChoice) =>
    JSON.stringify([mode, normalizeNames, prefix, mirrors, truncates, hardDeletes]);
  if (movesBy(choice) !== movesBy(line.choice)) forgetCursors(line, () => true);
  line.choice = choice;
}

/** Other keys, as users declare them. */
async function changeKeys(story: Story, lines: readonly Line[]): Promise<void> {
  for (const [i, table] of story.tables.entries()) {
    const isTracked = lines.some(({ choice }) => choice.tables[i]?.tracking !== null);
    const declaredKey = pickKeyChange(story.random, isTracked);
    if (declaredKey === undefined) continue;
    const changed = { ...table, declaredKey };
    await declareKey(story, changed);
    story.tables[i] = changed;
    for (const line of lines) {
      const tables = line.choice.tables.map((choice, no) => (no === i ? { ...choice, table: changed } : choice));
      line.choice = { ...line.choice, tables };
      forgetCursors(line, (id) => id === table.id);
    }
  }
}

/** What the source is like after a change that its owner made; syncs follow it. */
async function changeTables(story: Story, lines: readonly Line[]): Promise<void> {
  const { random } = story;
  for (const [i, table] of story.tables.entries()) {
    if (!random.chance(0.5)) continue;
    const drift = pickDrift(random, table, (name) => lines.every(({ choice }) => isFree(choice.tables[i], name)));
    if (drift === null) continue;
    const next = lines.map((line) => ({
      line,
      choice: follow(line.choice, i, drift, ({ table: { id } }) => line.planned.has(id)),
    }));
    if (!next.every(({ line, choice }) => fitsColumns(line, choice))) continue;
    await story.source.query(`ALTER TABLE ${inSource(table)} ${drift.sql}`);
    story.tables[i] = drift.table;
    for (const { line, choice } of next) line.choice = choice;
  }
  if (!random.chance(0.4)) return;
  const fresh = pickNewTable(random);
  await makeLaterTable(story.source, fresh.table);
  story.later.push(fresh);
  for (const line of lines) line.choice = takeNew(line.choice, fresh);
}

/** From the DuckDB file into another PostgreSQL: its tables as they are, marked records included. */
async function sendBack(story: Story, line: Line, path: string, destination: TestDatabase): Promise<void> {
  const { signal } = story;
  const sourceId = await connect(story, ['duckdb', { path }]);
  const destinationId = await connect(story, ['postgresql', postgresConfiguration(destination.ownerUrl)]);
  const sync = await server.client.createBulkSync(
    {
      name: `back ${path}`,
      mode: 'snapshot',
      source_connection_id: sourceId,
      destination_connection_id: destinationId,
      destination_configuration: { mirror_schemas: true },
      default_schedule: { frequency: 'manual' },
      normalize_names: 'disabled',
    },
    signal,
  );
  const { id } = await server.client.startBulkSync(sync.id, {}, signal);
  const { execution, receipt } = await untilEnded(server, sync.id, id, signal);
  expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
  await using session = await openSession(destination.ownerUrl);
  await expectTables(line, toReturned(session));
}

/** A table in short, for messages. */
const describeTable = (key: string, value: unknown): unknown => {
  if (key !== 'table' || typeof value !== 'object' || value === null || !('columns' in value)) return value;
  const columns = Array.isArray(value.columns) ? value.columns.map(({ name, type }) => `${name}: ${type}`) : [];
  return { ...value, columns, names: undefined, randomColumns: undefined };
};

describe('random tables with random options', () => {
  it.each(SEEDS)(
    'hold what the source and the options say: seed %i',
    async (seed) => {
      const random = createRandom(seed);
      const tables = pickTables(random, 3);
      const signal = AbortSignal.timeout(LIMIT_MS);
      await using database = await createTestDatabase();
      await using destination = await createTestDatabase();
      await using other = await createTestDatabase();
      await using source = await openSession(database.ownerUrl);
      await using landed = await openSession(destination.ownerUrl);
      await makeSource(random, source, tables);
      const sourceId = await connect({ server, signal }, ['postgresql', postgresConfiguration(database.ownerUrl)]);
      const story: Story = { server, hashKey, random, tables, later: [], source, sourceId, signal };
      for (const table of tables) await describeToServer(story, table);
      const path = `seed ${seed}.duckdb`;
      const ends = [
        [toPostgresql(landed), ['postgresql', postgresConfiguration(destination.ownerUrl)], false],
        [toDuckdb(join(server.filesFolder, path)), ['duckdb', { path }], true],
      ] as const;
      const lines: Line[] = [];
      for (const [end, side, isCaseless] of ends) {
        const destinationId = await connect(story, side);
        lines.push(await makeLine(story, { end, destinationId, naming: { isCaseless } }, pickSync(random, tables)));
      }
      let where = 'execution 1';
      onTestFailed(() => {
        const choices = lines.map(({ choice }) => JSON.stringify(choice, describeTable)).join('\n');
        console.error(`Repeat with SEED=${seed} OPTION_RUNS=1. Failed in ${where} of\n${choices}`);
      });
      const first = lines.map(({ choice }) => choice);
      for (let no = 1; no <= STEPS; no += 1) {
        for (const [i, line] of lines.entries()) {
          // Once only: whoever names fields again has decided about all that came meanwhile.
          if (no === 2) await changeSelection(story, line, no);
          const options = no > 1 && no % 2 === 1 ? changeOptions(random, line.choice, story.later) : line.choice;
          if (no > 1) await changeSync(story, line, options, first[i] ?? options);
        }
        if (no > 1) {
          await changeKeys(story, lines);
          await changeTables(story, lines);
          await changeSource(random, source, tables);
        }
        for (const [i, line] of lines.entries()) {
          const start = no % 2 === 0 ? pickStart(random, line.choice, tables.length) : {};
          const test = pickTest(random, start);
          where = `a test before execution ${no} of line ${i + 1} ${JSON.stringify(test)}`;
          if (test !== null) await tryOut(story, line, test);
          where = `execution ${no} of line ${i + 1} ${JSON.stringify(start)}`;
          await run(story, line, start, no + 0.5);
        }
      }
      where = 'the way back';
      const [, inFile] = lines;
      if (inFile !== undefined) await sendBack(story, inFile, path, other);
    },
    LIMIT_MS,
  );
});
