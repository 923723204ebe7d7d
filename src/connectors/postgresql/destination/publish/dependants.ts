import type { LoadPlan } from '../../../../connector-kit/index.ts';
import { SyncError } from '../../../../core/index.ts';
import type { Session } from '../../client.ts';
import { quoteName, quoteTable } from '../../sql.ts';
import type { LiveTable } from '../live-table.ts';
import { ownColumnNames } from '../naming.ts';

/**
 * What hangs on a table beyond what Millrace makes: its primary key, NOT NULLs, TOAST table, row type, and the defaults
 * of its own columns. A new table would not have it, so such a table is not swapped.
 */
const DEPENDANTS = `
  SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS what FROM pg_depend d
  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::oid AND d.deptype <> 'p'
    AND NOT (d.classid = 'pg_type'::regclass)
    AND NOT (d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class t WHERE t.oid = d.objid AND t.relkind = 't'))
    AND NOT (d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = d.objid AND i.indisprimary))
    AND NOT (d.classid = 'pg_constraint'::regclass AND EXISTS (
      SELECT FROM pg_constraint c WHERE c.oid = d.objid AND c.contype IN ('n', 'p')))
    AND NOT (d.classid = 'pg_attrdef'::regclass AND EXISTS (
      SELECT FROM pg_attrdef f JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum WHERE f.oid = d.objid AND a.attname = ANY ($2)))
  UNION SELECT 'its row type' FROM pg_depend d JOIN pg_class c ON c.oid = $1::oid
  WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = c.reltype AND d.deptype = 'n'
  UNION SELECT 'its settings' FROM pg_class c WHERE c.oid = $1::oid
    AND (c.relrowsecurity OR c.relforcerowsecurity OR c.relreplident <> 'd' OR c.reloptions IS NOT NULL OR c.relpersistence <> 'p')
  UNION SELECT 'its comments' FROM pg_description WHERE classoid = 'pg_class'::regclass AND objoid = $1::oid
  UNION SELECT 'its identity columns' FROM pg_attribute WHERE attrelid = $1::oid AND attidentity <> ''
  LIMIT 5`;

/** Why the table must be filled in place instead of being exchanged; empty when nothing stands against it. */
export async function findDependants(
  session: Session,
  plan: LoadPlan,
  live: LiveTable,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const own = ownColumnNames(plan.columnPrefix);
  const planned = plan.columns.map(({ name }) => name);
  const extra = [...live.columns.keys()].filter((name) => !planned.includes(name) && !own.includes(name));
  const objects = await listDependants(session, plan, live, signal);
  return [...objects, ...extra.map((name) => `column ${quoteName(name)}`)];
}

/** @throws `TABLE_DIFFERS` naming what a new table would lose */
export async function refuseRebuild(
  session: Session,
  plan: LoadPlan,
  live: LiveTable,
  signal: AbortSignal,
): Promise<void> {
  const found = await listDependants(session, plan, live, signal);
  if (found.length === 0) return;
  throw new SyncError(
    'TABLE_DIFFERS',
    `${quoteTable(plan.table)} cannot be made anew, because these hang on it: ${found.join('; ')}. No record was changed. Drop them first, or start with resync_mode resync, which keeps the table.`,
    { detail: { dependants: found } },
  );
}

async function listDependants(
  session: Session,
  plan: LoadPlan,
  live: LiveTable,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const action = `Looking for what depends on ${quoteTable(plan.table)}`;
  const rows = await session.query(action, DEPENDANTS, [live.oid, ownColumnNames(plan.columnPrefix)], signal);
  return rows.map(({ what }) => what ?? '');
}

/** True when another table’s foreign key points here: TRUNCATE is then refused, even within one transaction. */
export async function isReferenced(session: Session, live: LiveTable, signal: AbortSignal): Promise<boolean> {
  const rows = await session.query(
    'Looking for foreign keys',
    `SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = $1::oid AND conrelid <> confrelid LIMIT 1`,
    [live.oid],
    signal,
  );
  return rows.length > 0;
}

const OWNER_AND_GRANTS = `
  SELECT format('ALTER TABLE %s OWNER TO %I', $2::text, r.rolname) AS sql
  FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = $1::oid AND r.rolname <> current_user
  UNION ALL SELECT format('GRANT %s ON TABLE %s TO %s%s', a.privilege_type, $2::text,
    CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE c.oid = $1::oid AND a.grantee <> c.relowner
  UNION ALL SELECT format('GRANT %s (%I) ON TABLE %s TO %s%s', a.privilege_type, t.attname, $2::text,
    CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid CROSS JOIN LATERAL aclexplode(t.attacl) a
  WHERE c.oid = $1::oid AND NOT t.attisdropped AND a.grantee <> c.relowner`;

/** Gives the table that takes the live one's place the same grants, and last its owner. */
export async function carryGrants(
  session: Session,
  live: LiveTable,
  newTable: string,
  signal: AbortSignal,
): Promise<void> {
  const action = `Granting what was granted on the table that ${newTable} replaces`;
  const rows = await session.query(action, OWNER_AND_GRANTS, [live.oid, newTable], signal);
  const statements = rows.map(({ sql }) => sql ?? '');
  const isOwner = (sql: string) => sql.startsWith('ALTER');
  const ordered = [...statements.filter((sql) => !isOwner(sql)), ...statements.filter(isOwner)];
  if (ordered.length > 0) await session.script(action, ordered.join(';\n'), signal);
}
