import { quoteName, quoteText, type Session } from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan, PublishCounts, SegmentOutcome, TableName } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { STATE_SCHEMA } from './load-names.ts';

/**
 * Millrace's own records in the database file. None has a primary key: DuckDB checks keys before a transaction's end, so that a
 * row could not be replaced inside it. Those who add rows take turns, `FileLease.beside` or alone.
 */
const TABLES = {
  /** Which sync and schema own a live table, and whether another hand made it. */
  owners: 'table_schema VARCHAR, table_name VARCHAR, sync_id VARCHAR, schema_id VARCHAR, adopted BOOLEAN',
  /** The generation that may write. */
  fences: 'sync_id VARCHAR, schema_id VARCHAR, generation BIGINT',
  /** The token that may commit a segment, negative once it has, and what was committed. */
  segments:
    'sync_id VARCHAR, schema_id VARCHAR, generation BIGINT, segment BIGINT, token BIGINT, committed BOOLEAN, outcome VARCHAR',
  /** Finished generations and their counts. */
  publications: 'sync_id VARCHAR, schema_id VARCHAR, generation BIGINT, counts VARCHAR',
} as const;

type StateTable = keyof typeof TABLES;

/** Makes the state tables where they are missing. */
export async function ensureState(session: Session): Promise<void> {
  await session.run(`CREATE SCHEMA IF NOT EXISTS ${quoteName(STATE_SCHEMA)}`);
  for (const [name, columns] of Object.entries(TABLES)) {
    await session.run(`CREATE TABLE IF NOT EXISTS ${quoteName(STATE_SCHEMA)}.${quoteName(name)} (${columns})`);
  }
  // Files of an earlier version lack it.
  const [known] = await session.rows(
    `SELECT 1 FROM pragma_table_info(${quoteText(`${STATE_SCHEMA}.owners`)}) WHERE name = 'adopted'`,
  );
  if (known === undefined) await session.run(`ALTER TABLE ${state('owners')} ADD COLUMN adopted BOOLEAN`);
}

/** True when Millrace has written to this file before. */
export async function hasState(session: Session): Promise<boolean> {
  const rows = await session.rows(
    `SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = ${quoteText(STATE_SCHEMA)} AND table_name = 'publications'`,
  );
  return rows.length > 0;
}

/** One schema of one sync. */
export interface Owner {
  readonly syncId: string;
  readonly schemaId: string;
}

/** Who writes the table by the file's own record. Names are compared as DuckDB does, without regard to case. */
export async function findOwner(session: Session, table: TableName): Promise<Owner | null> {
  const [row] = await session.rows(`SELECT sync_id, schema_id FROM ${state('owners')} WHERE ${isTable(table)}`);
  return row === undefined ? null : { syncId: String(row.sync_id), schemaId: String(row.schema_id) };
}

/** Records the plan's schema as the owner of its table. What it filled before under another name stays its own. */
export async function setOwner(session: Session, plan: LoadPlan, adopted: boolean): Promise<void> {
  await session.run(`DELETE FROM ${state('owners')} WHERE ${isTable(plan.table)}`);
  const values = [plan.table.schema, plan.table.name, plan.syncId, plan.schemaId].map(quoteText).join(', ');
  await session.run(`INSERT INTO ${state('owners')} VALUES (${values}, ${adopted})`);
}

/** Another sync or schema has the table, so the plan must not write it. */
export function ownedBy({ table }: LoadPlan, owner: Owner): SyncError {
  return new SyncError(
    'TABLE_OWNED',
    `The table ${table.schema}.${table.name} is written by the sync ${owner.syncId} (its schema ${owner.schemaId}). Choose another output name or destination schema; if that sync is gone, set adopt.`,
    { detail: { syncId: owner.syncId, schemaId: owner.schemaId } },
  );
}

/** Whoever adopts a table leaves what its former owner has under way, if that has another table, too: it may be for that one. */
async function refuseTaken(session: Session, plan: LoadPlan): Promise<void> {
  const owner = await findOwner(session, plan.table);
  if (owner !== null && !isOwner(owner, plan)) throw ownedBy(plan, owner);
}

export function isOwner(owner: Owner, plan: Owner): boolean {
  return owner.syncId === plan.syncId && owner.schemaId === plan.schemaId;
}

/** True when the owner of a table has another one as well, which may be under way. */
export async function ownsAnother(session: Session, owner: Owner, table: TableName): Promise<boolean> {
  const rows = await session.rows(
    `SELECT 1 FROM ${state('owners')} WHERE ${isSchema(owner)} AND NOT (${isTable(table)}) LIMIT 1`,
  );
  return rows.length > 0;
}

/** True when another hand made the table: then its types and rules stay as they are. */
export async function isAdopted(session: Session, { table }: Pick<LoadPlan, 'table'>): Promise<boolean> {
  const rows = await session.rows(`SELECT 1 FROM ${state('owners')} WHERE ${isTable(table)} AND adopted`);
  return rows.length > 0;
}

/** A table that Millrace made itself has taken the adopted one's place. */
export async function endAdoption(session: Session, { table }: LoadPlan): Promise<void> {
  await session.run(`UPDATE ${state('owners')} SET adopted = false WHERE ${isTable(table)} AND adopted`);
}

/** Lets this generation write and all earlier ones no more. @throws `FENCE_LOST` when a later one has begun */
export async function raiseFence(session: Session, plan: LoadPlan): Promise<void> {
  const [row] = await session.rows(`SELECT generation FROM ${state('fences')} WHERE ${isSchema(plan)}`);
  if (row === undefined) {
    const values = `${quoteText(plan.syncId)}, ${quoteText(plan.schemaId)}, ${plan.generation}`;
    await session.run(`INSERT INTO ${state('fences')} VALUES (${values})`);
    return;
  }
  if (Number(row.generation) > plan.generation) throw fenceLost(plan, 'a later load of it has begun');
  await session.run(`UPDATE ${state('fences')} SET generation = ${plan.generation} WHERE ${isSchema(plan)}`);
}

/** The last statement before a publication's commit. @throws `FENCE_LOST` when a later generation has begun, `TABLE_OWNED` */
export async function holdFence(session: Session, plan: LoadPlan): Promise<void> {
  await refuseTaken(session, plan);
  const held = await session.run(
    `UPDATE ${state('fences')} SET generation = ${plan.generation} WHERE ${isSchema(plan)} AND generation = ${plan.generation}`,
  );
  if (held !== 1) throw fenceLost(plan, 'a later load of it has begun');
}

/** Lets this token commit the segment and all earlier ones no more. @throws `FENCE_LOST` when it is too late for it, `TABLE_OWNED` */
export async function raiseToken(
  session: Session,
  plan: LoadPlan,
  segment: { no: number; token: number },
): Promise<void> {
  await refuseTaken(session, plan);
  const [fence] = await session.rows(`SELECT generation FROM ${state('fences')} WHERE ${isSchema(plan)}`);
  if (Number(fence?.generation) !== plan.generation) throw fenceLost(plan, 'another load of it has begun');
  const where = isSegment(plan, segment.no);
  const [row] = await session.rows(`SELECT token, committed FROM ${state('segments')} WHERE ${where}`);
  if (row === undefined) {
    const values = `${quoteText(plan.syncId)}, ${quoteText(plan.schemaId)}, ${plan.generation}, ${segment.no}, ${segment.token}`;
    await session.run(`INSERT INTO ${state('segments')} VALUES (${values}, false, NULL)`);
    return;
  }
  if (row.committed === true || Number(row.token) > segment.token) {
    throw fenceLost(plan, `segment ${segment.no} was taken over or is committed`);
  }
  await session.run(`UPDATE ${state('segments')} SET token = ${segment.token} WHERE ${where}`);
}

/**
 * The last statement before a segment's commit. It changes the token, too: DuckDB sees a conflict with a token that was raised
 * meanwhile only where both change the same column, to another value that is not null.
 * @throws `FENCE_LOST` when a later token or generation has begun, `TABLE_OWNED`
 */
export async function commitSegment(
  session: Session,
  plan: LoadPlan,
  segment: { no: number; token: number },
  outcome: SegmentOutcome,
): Promise<void> {
  await refuseTaken(session, plan);
  const fence = `EXISTS (SELECT 1 FROM ${state('fences')} WHERE ${isSchema(plan)} AND generation = ${plan.generation})`;
  const update =
    `UPDATE ${state('segments')} SET token = -token, committed = true, outcome = ${quoteText(JSON.stringify(outcome))} ` +
    `WHERE ${isSegment(plan, segment.no)} AND token = ${segment.token} AND NOT committed AND ${fence}`;
  const committed = await session.run(update).catch((error: unknown) => {
    if (error instanceof SyncError && error.detail.isConflict === true) return 0;
    throw error;
  });
  if (committed !== 1) throw fenceLost(plan, `segment ${segment.no} was taken over`);
}

/** What the segment's commit left, or null. */
export async function findOutcome(session: Session, plan: LoadPlan, no: number): Promise<SegmentOutcome | null> {
  const outcomes = await readOutcomes(session, `${isSegment(plan, no)} AND committed`);
  return outcomes[0] ?? null;
}

/** What every committed segment of this generation left. */
export function listOutcomes(session: Session, plan: LoadPlan): Promise<SegmentOutcome[]> {
  return readOutcomes(session, `${isSchema(plan)} AND generation = ${plan.generation} AND committed`);
}

/** The counts of this generation's publication, or null. */
export async function findPublication(session: Session, plan: LoadPlan): Promise<PublishCounts | null> {
  const [row] = await session.rows(
    `SELECT counts FROM ${state('publications')} WHERE ${isSchema(plan)} AND generation = ${plan.generation}`,
  );
  // Written by `recordPublication`.
  return row === undefined ? null : (JSON.parse(String(row.counts)) as PublishCounts);
}

/** Stands in the transaction of the publication. */
export async function recordPublication(session: Session, plan: LoadPlan, counts: PublishCounts): Promise<void> {
  const values = `${quoteText(plan.syncId)}, ${quoteText(plan.schemaId)}, ${plan.generation}, ${quoteText(JSON.stringify(counts))}`;
  await session.run(`INSERT INTO ${state('publications')} VALUES (${values})`);
}

/** Forgets segments and publications up to a generation; owner and fence stay. */
export async function forgetGenerations(session: Session, schema: Owner, upTo: number): Promise<void> {
  for (const table of ['segments', 'publications'] as const) {
    await session.run(`DELETE FROM ${state(table)} WHERE ${isSchema(schema)} AND generation <= ${upTo}`);
  }
}

async function readOutcomes(session: Session, where: string): Promise<SegmentOutcome[]> {
  const rows = await session.rows(`SELECT outcome FROM ${state('segments')} WHERE ${where}`);
  // Written by `commitSegment`.
  return rows.map((row) => JSON.parse(String(row.outcome)) as SegmentOutcome);
}

function state(table: StateTable): string {
  return `${quoteName(STATE_SCHEMA)}.${quoteName(table)}`;
}

function isSchema({ syncId, schemaId }: Owner): string {
  return `sync_id = ${quoteText(syncId)} AND schema_id = ${quoteText(schemaId)}`;
}

function isSegment(plan: LoadPlan, no: number): string {
  return `${isSchema(plan)} AND generation = ${plan.generation} AND segment = ${no}`;
}

function isTable(table: TableName): string {
  return `lower(table_schema) = lower(${quoteText(table.schema)}) AND lower(table_name) = lower(${quoteText(table.name)})`;
}

function fenceLost(plan: LoadPlan, why: string): SyncError {
  return new SyncError(
    'FENCE_LOST',
    `Loading ${plan.schemaId} into ${plan.table.schema}.${plan.table.name} stopped: ${why}.`,
  );
}
