import type { LoadPlan, TableName } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { Session } from '../client.ts';
import { quoteName, quoteTable } from '../sql.ts';
import { ownColumnNames } from './naming.ts';
import { MAY_HIDE } from './row-security.ts';

/** A destination table as it stands. */
export interface LiveTable {
  readonly oid: string;
  readonly isPlain: boolean;
  /** All columns, Millrace's own included: name → type as `format_type` prints it. */
  readonly columns: ReadonlyMap<string, string>;
  readonly primaryKey: readonly string[];
  /** Columns that take no NULL and have no default. */
  readonly required: ReadonlySet<string>;
  /** Columns that the database itself fills, whatever is written. */
  readonly computed: ReadonlySet<string>;
  /** True where row-level security may hide records from us, or refuse some. */
  readonly mayHide: boolean;
}

const TABLE = `
  SELECT c.oid::text, c.relkind = 'r' AND NOT c.relispartition AS plain, ${MAY_HIDE} AS hides
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2`;

const COLUMNS = `
  SELECT a.attname, CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE format_type(a.atttypid, a.atttypmod) END AS type,
    a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS required, a.attgenerated <> '' OR a.attidentity = 'a' AS computed
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`;

const PRIMARY_KEY = `
  SELECT a.attname FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
  WHERE i.indrelid = $1::oid AND i.indisprimary ORDER BY k.place`;

/** Null when there is no such table. */
export async function readLiveTable(
  session: Session,
  table: TableName,
  signal: AbortSignal,
): Promise<LiveTable | null> {
  const action = `Looking at ${quoteTable(table)}`;
  const [row] = await session.query(action, TABLE, [table.schema, table.name], signal);
  if (row === undefined) return null;
  const columns = await session.query(action, COLUMNS, [row.oid], signal);
  const keys = await session.query(action, PRIMARY_KEY, [row.oid], signal);
  const named = (fact: 'required' | 'computed') =>
    new Set(columns.filter((column) => column[fact] === 't').map(({ attname }) => attname ?? ''));
  return {
    oid: row.oid ?? '',
    isPlain: row.plain === 't',
    columns: new Map(columns.map(({ attname, type }) => [attname ?? '', type ?? ''])),
    primaryKey: keys.map(({ attname }) => attname ?? ''),
    required: named('required'),
    computed: named('computed'),
    mayHide: row.hides === 't',
  };
}

/** True where the table's own key is the plan's, so that it tells two records apart as the plan does. */
export function hasPlannedKey(live: LiveTable, plan: Pick<LoadPlan, 'columns'>): boolean {
  const keys = plan.columns.filter(({ isKey }) => isKey).map(({ name }) => name);
  return (
    keys.length > 0 && keys.length === live.primaryKey.length && keys.every((key) => live.primaryKey.includes(key))
  );
}

/** Definitions of Millrace's own columns that the plan fills, for CREATE TABLE and ADD COLUMN. */
export function ownColumnDefinitions(plan: LoadPlan, defaultSql: string): ReadonlyMap<string, string> {
  const [createdAt = '', updatedAt = '', deletedAt = ''] = ownColumnNames(plan.columnPrefix);
  const stamped = `timestamptz NOT NULL DEFAULT ${defaultSql}`;
  return new Map([
    ...(plan.recordTimestamps
      ? ([
          [createdAt, stamped],
          [updatedAt, stamped],
        ] as const)
      : []),
    ...(plan.tombstones ? ([[deletedAt, 'timestamptz']] as const) : []),
  ]);
}

/** @throws `TABLE_DIFFERS` when a source column has the name of one of Millrace's own */
export function refuseOwnNames(plan: LoadPlan): void {
  const own = ownColumnNames(plan.columnPrefix);
  const clash = plan.columns.find(({ name }) => own.includes(name));
  if (clash === undefined) return;
  throw new SyncError(
    'TABLE_DIFFERS',
    `The field ${clash.field} would be named ${clash.name}, which is a column of Millrace’s own. Give it another output name.`,
  );
}

/** ADD COLUMN for what the plan has and the table lacks. */
export function toAddColumns(plan: LoadPlan, live: LiveTable): readonly string[] {
  const data = plan.columns.map(({ name, type }) => [name, type] as const);
  return [...data, ...ownColumnDefinitions(plan, 'now()')]
    .filter(([name]) => !live.columns.has(name))
    .map(([name, definition]) => `ADD COLUMN ${quoteName(name)} ${definition}`);
}
