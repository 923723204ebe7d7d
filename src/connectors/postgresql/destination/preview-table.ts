import type { LoadPlan } from '../../../connector-kit/index.ts';
import type { PlanRefusal, ReplacementWay, TableChange } from '../../../core/index.ts';
import type { Session } from '../client.ts';
import { quoteName } from '../sql.ts';
import { listForsaken, listTypeChanges } from './fit.ts';
import { type LiveTable, ownColumnDefinitions } from './live-table.ts';
import { ownColumnNames } from './naming.ts';
import { isOtherKey } from './publish/alter.ts';
import { commonType } from './type-fit.ts';

const PLACE = `
  SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1) AS found,
    has_database_privilege(current_database(), 'CREATE') AS makes,
    coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = $1), false) AS writes,
    current_user::text AS who, current_database()::text AS here`;

/** What the user may do in a schema of the destination, and who it is. */
export interface Place {
  readonly isThere: boolean;
  readonly mayWrite: boolean;
  readonly user: string;
  readonly database: string;
}

export async function readPlace(session: Session, schema: string, signal: AbortSignal): Promise<Place> {
  const [row] = await session.query(`Looking at the schema ${quoteName(schema)}`, PLACE, [schema], signal);
  const isThere = row?.found === 't';
  const mayWrite = isThere ? row.writes === 't' : row?.makes === 't';
  return { isThere, mayWrite, user: row?.who ?? '', database: row?.here ?? '' };
}

/** What a load makes where there is no table yet, and the privilege that its user lacks for it. */
export function listCreation(
  { isThere, mayWrite, user, database }: Place,
  plan: LoadPlan,
): { readonly changes: readonly TableChange[]; readonly refusals: readonly PlanRefusal[] } {
  const { schema, name } = plan.table;
  const newSchema: TableChange[] = isThere
    ? []
    : [{ kind: 'create_schema', column: null, before: null, after: schema }];
  const columns = [...plan.columns, ...toOwnColumns(plan)].map((column) => toAddition(column.name, column.type));
  const lacking = isThere ? `CREATE on the schema ${quoteName(schema)}` : `CREATE on the database ${database}`;
  const message = `${user} may not make ${quoteName(schema)}.${quoteName(name)}: grant ${lacking}.`;
  return {
    changes: [...newSchema, { kind: 'create_table', column: null, before: null, after: name }, ...columns],
    refusals: mayWrite ? [] : [{ code: 'CONN_PRIVILEGE_MISSING', message }],
  };
}

/** How the live table's columns and key will differ, compared with what they are now. */
export function listChanges(
  plan: LoadPlan,
  live: LiveTable,
  { how, isAdopted }: { readonly how: ReplacementWay | null; readonly isAdopted: boolean },
): readonly TableChange[] {
  const missing = [...plan.columns, ...toOwnColumns(plan)].filter(({ name }) => !live.columns.has(name));
  const added = missing.map(({ name, type }) => toAddition(name, type));
  if (how === 'exchange')
    return [...added, ...listExchangedTypes(plan, live), ...listDropped(plan, live), ...listKey(plan, live)];
  if (isAdopted) return added;
  const types = listTypeChanges(plan, live).map(({ name, from, to, isWidening }) => {
    const kind = isWidening ? 'widen_column' : 'convert_column';
    return { kind, column: name, before: from, after: to } as const;
  });
  const released = listForsaken(plan, live).map(
    (name) => ({ kind: 'drop_not_null', column: name, before: 'NOT NULL', after: null }) as const,
  );
  return [...added, ...types, ...released, ...(how === 'in_place' ? listKey(plan, live) : [])];
}

/** A new table has the plan's types, also where the old one's were wider. */
function listExchangedTypes(plan: LoadPlan, live: LiveTable): readonly TableChange[] {
  return plan.columns.flatMap(({ name, type }) => {
    const before = live.columns.get(name);
    if (before === undefined || before === type) return [];
    const kind = commonType(before, type) === type ? 'widen_column' : 'convert_column';
    return [{ kind, column: name, before, after: type } as const];
  });
}

function listDropped(plan: LoadPlan, live: LiveTable): readonly TableChange[] {
  const own = ownColumnNames(plan.columnPrefix);
  const kept = new Set([...plan.columns, ...toOwnColumns(plan)].map(({ name }) => name));
  return [...live.columns]
    .filter(([name]) => !kept.has(name) && !own.includes(name))
    .map(([name, before]) => ({ kind: 'drop_column', column: name, before, after: null }));
}

function listKey(plan: LoadPlan, live: LiveTable): readonly TableChange[] {
  if (!isOtherKey(plan, live)) return [];
  const keys = plan.columns.filter(({ isKey }) => isKey).map(({ name }) => name);
  return [{ kind: 'change_key', column: null, before: toList(live.primaryKey), after: toList(keys) }];
}

function toList(names: readonly string[]): string | null {
  return names.length === 0 ? null : names.join(', ');
}

function toAddition(name: string, type: string): TableChange {
  return { kind: 'add_column', column: name, before: null, after: type };
}

/** Of Millrace's own columns the type alone. */
function toOwnColumns(plan: LoadPlan): readonly { readonly name: string; readonly type: string }[] {
  return [...ownColumnDefinitions(plan, 'now()').keys()].map((name) => ({ name, type: 'timestamp with time zone' }));
}
