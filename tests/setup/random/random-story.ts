import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import type { Random } from '../../torture/random.ts';
import { askServer, type MillraceProcess } from '../millrace.ts';
import { type Ended, makeConnection, type Side, untilEnded } from '../syncs.ts';
import {
  DELETED_AT,
  expectTargets,
  foldName,
  foldTarget,
  type LastNames,
  type Naming,
  type NamingPast,
  nameColumns,
  nameReturned,
  type Target,
} from './expected-names.ts';
import {
  expectRun,
  type Outcome,
  obfuscate,
  type Setting,
  type SourceImage,
  type StartChoice,
  type TableState,
  toCondition,
} from './expected-tables.ts';
import type { NewTable } from './random-changes.ts';
import type { End } from './random-ends.ts';
import { toCreateRequest, toSchemaPatch } from './random-requests.ts';
import { inSource, type PlainSession, quote, quoteTable } from './random-source.ts';
import { ADD_TOWN, isRead, type SourceTable, type SyncChoice, type TableChoice } from './random-syncs.ts';

// Syncs over random tables, run through a whole server, each execution compared with what it must do.

/** A table in a destination, and which of the sync's has filled it. */
interface MadeTable {
  readonly target: Target;
  readonly schemaId: string;
  state: TableState;
}

/** A sync over the API, and what its tables must hold. */
export interface Line extends NamingPast {
  readonly end: End;
  readonly naming: Naming;
  readonly destinationId: string;
  readonly id: string;
  choice: SyncChoice;
  readonly lastNames: Map<string, LastNames>;
  readonly enabledAt: Map<string, number>;
  /** Ids of tables that an execution has planned. */
  readonly planned: Set<string>;
  /** All that the destination has, by folded target. */
  readonly made: Map<string, MadeTable>;
}

/** The source with its tables, and with those that it got after the syncs were made. */
export interface Story {
  readonly server: Pick<MillraceProcess, 'client' | 'url' | 'apiKey'>;
  readonly hashKey: Uint8Array;
  readonly random: Random;
  readonly tables: SourceTable[];
  readonly later: NewTable[];
  readonly source: PlainSession;
  readonly sourceId: string;
  readonly signal: AbortSignal;
}

/** Makes a connection of a name of its own. */
export function connect({ server, signal }: Pick<Story, 'server' | 'signal'>, side: Side): Promise<string> {
  return makeConnection(server, side, `random ${randomBytes(6).toString('hex')}`, signal);
}

/** Makes a sync over the API. */
export async function makeLine(
  story: Story,
  { end, destinationId, naming }: Pick<Line, 'end' | 'destinationId' | 'naming'>,
  choice: SyncChoice,
): Promise<Line> {
  const { server, signal } = story;
  const body = toCreateRequest(`random ${randomBytes(6).toString('hex')}`, [story.sourceId, destinationId], choice);
  const { id } = await server.client.createBulkSync(body, signal);
  await server.client.setSyncSettings(id, { max_loss_percent: 100 }, signal);
  const named = choice.tables.filter(
    ({ userName, userFieldNames }) => userName !== null || Object.keys(userFieldNames).length > 0,
  );
  if (named.length > 0) await patch(story, id, named);
  const enabledAt = new Map(choice.tables.map(({ table }) => [table.id, 0]));
  const past = { lastNames: new Map(), enabledAt, planned: new Set<string>(), made: new Map() };
  return { end, naming, destinationId, id, choice, ...past };
}

/** Sends what the sync does with some of its tables. */
export async function patch({ server, signal }: Story, syncId: string, choices: readonly TableChoice[]): Promise<void> {
  const schemas = choices.map(toSchemaPatch);
  await askServer(server, 'PATCH', `/api/bulk/syncs/${syncId}/schemas`, { schemas }, signal);
}

/** Tells the server the key and the field that users say a table has. */
export async function describeToServer(story: Story, table: SourceTable): Promise<void> {
  const at = `/api/connections/${story.sourceId}/schemas/${encodeURIComponent(table.id)}`;
  if (table.declaredKey !== null) await declareKey(story, table);
  if (table.columns.some(({ name }) => name === ADD_TOWN.field_id))
    await askServer(story.server, 'POST', `${at}/fields`, { fields: [ADD_TOWN] }, story.signal);
}

/** Tells the server the key that users say a table has, or that they say nothing of it any more. */
export async function declareKey({ server, sourceId, signal }: Story, { id, declaredKey }: SourceTable): Promise<void> {
  const at = `/api/connections/${sourceId}/schemas/${encodeURIComponent(id)}/primary_keys`;
  if (declaredKey === null) return void (await askServer(server, 'DELETE', at, undefined, signal));
  const marked = declaredKey.map((field_id) => ({ field_id, is_primary_key: true }));
  const fields = marked.length > 0 ? marked : [{ field_id: 'id', is_primary_key: false }];
  await askServer(server, 'PUT', at, { fields }, signal);
}

/** The next read of these tables is complete. */
export function forgetCursors({ made }: Line, isMeant: (schemaId: string) => boolean): void {
  for (const table of made.values()) if (isMeant(table.schemaId)) table.state = { ...table.state, hasCursor: false };
}

/** True when no field of the sync would be put into a column that another one has filled. */
export function fitsColumns(line: Line, sync: SyncChoice): boolean {
  const { naming, made, lastNames } = line;
  const targets = expectTargets(sync, naming, line);
  return sync.tables.every((choice) => {
    const target = targets.get(choice.table.id);
    const table = target === undefined ? undefined : made.get(foldTarget(target, naming));
    if (table?.schemaId !== choice.table.id) return true;
    return [...nameColumns(sync, choice, naming, lastNames.get(choice.table.id))].every(([field, name]) => {
      const column = table.state.columns.get(foldName(name, naming));
      return column === undefined || column.field === field;
    });
  });
}

/** The source's records that belong to the sync, as they must arrive. */
async function readImage({ source, hashKey }: Story, line: Line, setting: Setting): Promise<SourceImage> {
  const { choice, names } = setting;
  const { table, obfuscated } = choice;
  const columns = table.columns.filter(({ name }) => isRead(choice, name));
  const texts = columns.map(({ name, type, sql: value = quote(name) }) =>
    obfuscated.includes(name) ? `(${value})::text` : line.end.send(`(${value})`, type),
  );
  const sql = `SELECT ${texts.join(', ')} FROM ${inSource(table)} WHERE ${toCondition(line.choice, choice)}`;
  const [tracked] = await source.query(
    `SELECT count(${quote(choice.tracking ?? 'id')})::int > 0 FROM ${inSource(table)}`,
  );
  const nameOf = (name: string): string => foldName(names.get(name) ?? '', line.naming);
  const toCell = (cell: unknown, { name, type }: SourceTable['columns'][number]) =>
    obfuscated.includes(name) ? obfuscate(hashKey, cell) : line.end.normalize(cell, type);
  const rows = await source.query(sql);
  return {
    columns: new Map(
      columns.map(({ name, type }) => [
        nameOf(name),
        { field: name, type: obfuscated.includes(name) ? 'text' : type, spellings: [names.get(name) ?? ''] },
      ]),
    ),
    records: rows.map((cells) => new Map(columns.map((column, i) => [nameOf(column.name), toCell(cells[i], column)]))),
    // Of times the snapshot's own is a cursor, too.
    hasCursor: choice.tracking === 'changed_at' || tracked?.[0] === true,
  };
}

/** Rows as sorted texts, so that they are compared whatever their order. */
const sorted = (rows: readonly (readonly unknown[])[]): string[] =>
  rows.map((row) => JSON.stringify(row, (_, cell) => (typeof cell === 'number' ? String(cell) : cell))).sort();

/** Compares all tables of a destination with what they must hold: the line's own, or the one that got them from its file. */
export async function expectTables(line: Line, end: End): Promise<void> {
  const found = new Map((await end.listTables()).map((target) => [foldTarget(target, line.naming), target]));
  expect([...found.keys()].sort()).toEqual([...line.made.keys()].sort());
  for (const [key, { state }] of line.made) {
    const target = found.get(key);
    if (target !== undefined) await expectTable(line, end, target, state);
  }
}

async function expectTable(line: Line, end: End, target: Target, state: TableState): Promise<void> {
  const isBack = end !== line.end;
  const made = await line.end.listColumns(target);
  const spelled = new Map(made.map((name) => [foldName(name, line.naming), name]));
  const own = new Set([...state.own.filter((name) => made.includes(name)), ...state.sureOwn]);
  expect([...spelled.keys()].sort(), target.name).toEqual([...state.columns.keys(), ...own].sort());
  const columns = [...state.columns];
  for (const [name, { spellings }] of columns) expect(spellings, target.name).toContain(spelled.get(name));
  // Sent on, Millrace's own columns are the file's, and keep out of the way of new ones.
  const names = isBack ? nameReturned(made) : new Map(made.map((name) => [name, name]));
  const at = (name: string): string => quote(names.get(spelled.get(name) ?? '') ?? '');
  const texts = columns.map(([name, { type }]) => end.land(at(name), type));
  const deleted = own.has(DELETED_AT) ? `${at(DELETED_AT)} IS NOT NULL` : 'false';
  const rows = await end.query(`SELECT ${[...texts, deleted].join(', ')} FROM ${quoteTable(target)}`);
  const cells = rows.map((row) => row.map((cell, i) => end.normalize(cell, columns[i]?.[1].type ?? 'boolean')));
  const expected = state.records.map((record) => [
    ...columns.map(([name]) => record.cells.get(name) ?? null),
    record.isDeleted,
  ]);
  expect(sorted(cells), target.name).toEqual(sorted(expected));
}

interface Prediction {
  readonly setting: Setting;
  readonly target: Target | null;
  readonly outcome: Outcome;
}

/** What a start does with each table, by its id. */
async function predict(story: Story, line: Line, start: StartChoice): Promise<ReadonlyMap<string, Prediction>> {
  const { naming, made, lastNames, choice: sync } = line;
  const targets = expectTargets(sync, naming, line);
  const predictions = new Map<string, Prediction>();
  for (const choice of sync.tables) {
    const { id } = choice.table;
    const target = targets.get(id) ?? null;
    const last = lastNames.get(id);
    const found = target === null ? undefined : made.get(foldTarget(target, naming));
    const isLast =
      last !== undefined && target !== null && foldTarget(last.target, naming) === foldTarget(target, naming);
    const setting: Setting = {
      sync,
      choice,
      naming,
      names: nameColumns(sync, choice, naming, last),
      before: found === undefined ? null : found.schemaId === id ? found.state : 'taken',
      isReturn: !isLast,
    };
    predictions.set(id, {
      setting,
      target,
      outcome: expectRun(setting, start, await readImage(story, line, setting)),
    });
  }
  return predictions;
}

/** Starts the sync, and compares what it did with what it must do. @param no grows from start to start */
export async function run(story: Story, line: Line, start: StartChoice, no: number): Promise<void> {
  const predictions = [...(await predict(story, line, start))];
  const settled = new Set<string>();
  for (const [id, { setting, target, outcome }] of predictions) {
    if (outcome.load !== null) settled.add(id);
    if (!line.enabledAt.has(id)) line.enabledAt.set(id, no);
    if (outcome.load === null || outcome.state === null || target === null) continue;
    line.made.set(foldTarget(target, line.naming), { target, schemaId: id, state: outcome.state });
    if (outcome.failure === null) line.lastNames.set(id, { target, columns: setting.names });
  }
  const tables = line.choice.tables.map((choice) =>
    settled.has(choice.table.id) ? { ...choice, undecided: [] } : choice,
  );
  line.choice = { ...line.choice, tables };
  for (const id of settled) line.planned.add(id);
  const { client } = story.server;
  const { id } = await client.startBulkSync(line.id, start, story.signal);
  expectEnd(await untilEnded(story.server, line.id, id, story.signal), predictions);
  await expectTables(line, line.end);
}

function expectEnd({ execution, receipt }: Ended, predictions: readonly (readonly [string, Prediction])[]): void {
  const worked = predictions.filter(([, { outcome }]) => outcome.load !== null || outcome.failure !== null);
  const failed = worked.filter(([, { outcome }]) => outcome.failure !== null);
  const isFailed = failed.length > 0 && failed.length === worked.length;
  const status = isFailed ? 'failed' : failed.length > 0 ? 'errors' : 'completed';
  // Where every table was left alone there is nothing to prove.
  const verdict = worked.length === 0 || failed.length > 0 ? 'unproved' : 'equal';
  const loads = new Map(
    worked.flatMap(([id, { outcome }]) => (outcome.failure === null ? [[id, outcome.load] as const] : [])),
  );
  const messages = new Map(execution.schemas.map(({ schema, status_message }) => [schema, status_message]));
  expect({
    status: execution.status,
    verdict: receipt?.verdict,
    loads: Object.fromEntries(receipt?.schemas.map(({ schema, load }) => [schema, load]) ?? []),
    messages: Object.fromEntries(failed.map(([id]) => [id, messages.get(id)])),
    ...(failed.length > 0 ? {} : { message: execution.status_message }),
  }).toEqual({
    status,
    verdict,
    loads: Object.fromEntries(loads),
    messages: Object.fromEntries(failed.map(([id, { outcome }]) => [id, expect.stringMatching(outcome.failure ?? '')])),
  });
}

/** Asks what a start would do: it says so, and changes nothing. */
export async function tryOut(story: Story, line: Line, start: StartChoice): Promise<void> {
  const predictions = await predict(story, line, start);
  const { client } = story.server;
  const { id } = await client.startBulkSync(line.id, { ...start, test: true }, story.signal);
  const { execution, receipt } = await untilEnded(story.server, line.id, id, story.signal);
  expect([execution.is_test, execution.record_count, receipt]).toEqual([true, 0, null]);
  const said = new Map(execution.schemas.map(({ schema, status_message }) => [schema, status_message]));
  for (const [schemaId, { target, outcome, setting }] of predictions) {
    const isNew = !line.enabledAt.has(schemaId) ? 'Would be added to the sync, since it is new in the source. ' : '';
    const { load, failure } = outcome;
    const isSkipped = setting.choice.isEnabled && start.schemas?.includes(schemaId) !== false;
    if (load !== null)
      expect(said.get(schemaId)).toContain(
        `${isNew}Would be loaded into ${target?.schema}.${target?.name} as ${load}: `,
      );
    else if (failure !== null) expect(said.get(schemaId)).toMatch(failure);
    else if (isSkipped) expect(said.get(schemaId)).toMatch(/^Skipped: /);
    else expect([...said.keys()]).not.toContain(schemaId);
  }
  if (line.made.size > 0) await expectTables(line, line.end);
}
