import type { LoadPlan } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { Session } from '../client.ts';
import { quoteName, quoteTable } from '../sql.ts';
import type { LiveTable } from './live-table.ts';
import { ownColumnNames } from './naming.ts';
import { commonType, holdsType } from './type-fit.ts';

/** A live column that must get another type before it can hold what the source has now. */
export interface TypeChange {
  readonly name: string;
  readonly field: string;
  readonly isKey: boolean;
  readonly from: string;
  readonly to: string;
  /** True when the new type holds every value of the old one. */
  readonly isWidening: boolean;
}

/** A column that holds more than the plan asks for stays as it is. */
export function listTypeChanges(plan: LoadPlan, live: LiveTable): readonly TypeChange[] {
  return plan.columns.flatMap(({ name, field, type, isKey }) => {
    const from = live.columns.get(name);
    if (from === undefined || holdsType(from, type)) return [];
    const common = commonType(from, type);
    return [{ name, field, isKey, from, to: common ?? type, isWidening: common !== null }];
  });
}

/** Columns that the source fills no more and that would refuse every new record. Key columns are the key's affair. */
export function listForsaken(plan: LoadPlan, live: LiveTable): readonly string[] {
  const filled = [...plan.columns.map(({ name }) => name), ...ownColumnNames(plan.columnPrefix)];
  return [...live.required].filter((name) => !filled.includes(name) && !live.primaryKey.includes(name));
}

/** A column of the plan that the database fills itself, whatever is written: PostgreSQL takes no value for it. */
export function findComputed({ columns }: LoadPlan, { computed }: LiveTable): LoadPlan['columns'][number] | undefined {
  return columns.find(({ name }) => computed.has(name));
}

/** Types of an adopted table that refuse what they cannot hold, so that nothing is changed on its way in. */
function refusesExactly(live: string, planned: string): boolean {
  const texts = /^(text|character varying(\(\d+\))?)$/;
  const wholeNumbers = /^(smallint|integer|bigint)$/;
  return [texts, wholeNumbers].some((kind) => kind.test(live) && kind.test(planned));
}

/** @throws `TABLE_DIFFERS` for a view and its like */
export function refuseOtherKinds(plan: LoadPlan, live: LiveTable): void {
  if (live.isPlain) return;
  throw new SyncError(
    'TABLE_DIFFERS',
    `${quoteTable(plan.table)} is a view, a partitioned or a foreign table; Millrace writes ordinary tables only. Choose another name.`,
  );
}

/**
 * Looks whether the live table can be made to hold the plan's records, before anything is read or written.
 * @throws `TABLE_DIFFERS` naming the first column that cannot, and what stands against it
 */
export async function refuseUnfit(
  session: Session,
  plan: LoadPlan,
  live: LiveTable,
  isAdopted: boolean,
  signal: AbortSignal,
): Promise<void> {
  refuseOtherKinds(plan, live);
  const computed = findComputed(plan, live);
  if (computed !== undefined) throw computes(plan, computed);
  const changes = listTypeChanges(plan, live);
  if (isAdopted) {
    const unfit = changes.find(({ name, from }) => !refusesExactly(from, typeOf(plan, name)));
    if (unfit !== undefined)
      throw differs(plan, unfit, 'Millrace did not make this table, so it leaves its types alone');
    return;
  }
  for (const change of changes) {
    const users = await listUsers(session, live, change.name, signal);
    if (users.length > 0) throw differs(plan, change, `PostgreSQL lets no type be changed under ${users.join('; ')}`);
  }
}

/** What keeps PostgreSQL from changing a column's type. */
const USERS = `
  SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS what
  FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::oid AND a.attname = $2
    AND (d.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass, 'pg_publication_rel'::regclass, 'pg_proc'::regclass)
      OR (d.classid = 'pg_attrdef'::regclass AND EXISTS (
        SELECT FROM pg_attrdef f WHERE f.oid = d.objid AND (f.adrelid, f.adnum) <> (a.attrelid, a.attnum))))
  ORDER BY 1 LIMIT 5`;

async function listUsers(
  session: Session,
  live: LiveTable,
  column: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows = await session.query('Looking for what uses a column', USERS, [live.oid, column], signal);
  return rows.map(({ what }) => what ?? '');
}

/**
 * A new field makes a read complete, so what a delta misses was taken away by another hand, and old records would lack it.
 * @throws `TABLE_DIFFERS`
 */
export function refuseGaps(plan: LoadPlan, live: LiveTable): void {
  const gap = plan.columns.find(({ name }) => !live.columns.has(name));
  if (plan.kind !== 'delta' || gap === undefined) return;
  throw new SyncError(
    'TABLE_DIFFERS',
    `${quoteTable(plan.table)} has lost its column ${quoteName(gap.name)}, and only changed records were read. No record was changed. Start once with resync_mode refetch, which fills it for all records.`,
    { detail: { column: gap.name } },
  );
}

function computes({ table }: LoadPlan, { name, field }: LoadPlan['columns'][number]): SyncError {
  const alter = `ALTER TABLE ${quoteTable(table)} ALTER COLUMN ${quoteName(name)}`;
  return new SyncError(
    'TABLE_DIFFERS',
    `Column ${quoteName(name)} of ${quoteTable(table)} is GENERATED ALWAYS, so PostgreSQL takes no value of the field ${field} for it. No record was changed. Run ${alter} SET GENERATED BY DEFAULT where it is an identity. Where it is computed, run ${alter} DROP EXPRESSION (stored columns, PostgreSQL 13 and later) or put an ordinary column in its place. Or leave the field out of the sync.`,
    { detail: { column: name } },
  );
}

/** One sentence for every way in which a column cannot follow its field. */
export function differs(plan: LoadPlan, change: TypeChange, why: string): SyncError {
  const type = typeOf(plan, change.name);
  return new SyncError(
    'TABLE_DIFFERS',
    `Column ${quoteName(change.name)} of ${quoteTable(plan.table)} is ${change.from}, the source’s field ${change.field} is ${type} now, and ${why}. No record was changed. Change the column yourself, or start with resync_mode rebuild to have the table made anew.`,
    { detail: { column: change.name, liveType: change.from, plannedType: type } },
  );
}

function typeOf(plan: LoadPlan, column: string): string {
  return plan.columns.find(({ name }) => name === column)?.type ?? '';
}
