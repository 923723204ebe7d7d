import type { LoadPlan } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { Session, TextRow } from '../client.ts';
import { quoteName, quoteTable, quoteText } from '../sql.ts';

/** A policy `p` that applies to our user. */
const APPLIES = `(0 = ANY (p.polroles) OR EXISTS (SELECT FROM unnest(p.polroles) r WHERE r <> 0 AND pg_has_role(r, 'USAGE')))`;

/** Of a table `c`: a policy of ours that only takes away. */
const RESTRICTED = `EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive AND ${APPLIES})`;

/**
 * True where row-level security may hide records of a table `c` from our user, or refuse some. It does not bind superusers,
 * roles with BYPASSRLS and, unless it is forced, the table's owner; nor does it where policies allow everything.
 */
export const MAY_HIDE = `row_security_active(c.oid) AND (${RESTRICTED} OR EXISTS (
  SELECT FROM unnest('{r,a,w,d}'::"char"[]) command WHERE NOT EXISTS (
    SELECT FROM pg_policy p
    CROSS JOIN LATERAL (SELECT pg_get_expr(p.polqual, p.polrelid) AS sees, pg_get_expr(coalesce(p.polwithcheck, p.polqual), p.polrelid) AS takes) allows
    WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('*', command) AND ${APPLIES}
      AND (command = 'a' OR sees = 'true') AND (command IN ('r', 'd') OR takes = 'true'))))`;

const NOW = `
  SELECT ${MAY_HIDE} AS hides, pg_has_role(c.relowner, 'USAGE') AS owned, ${RESTRICTED} AS restricted, current_user::text AS who
  FROM pg_class c WHERE c.oid = `;

/**
 * Of records that it cannot see nothing can be counted, compared, written or proved, so such a table is neither written nor
 * compared, whatever the kind of load.
 * @throws `CONN_PRIVILEGE_MISSING` with the statement that mends it
 */
export async function refuseHidden(
  session: Session,
  { table }: Pick<LoadPlan, 'table'>,
  oid: string,
  signal: AbortSignal,
): Promise<void> {
  const action = `Looking at the row-level security of ${quoteTable(table)}`;
  const [row] = await session.query(action, `${NOW}$1::oid`, [oid], signal);
  refuse(table, row);
}

/**
 * Locks the table against other writers, and does the same behind the lock, in one message: a policy may have come
 * meanwhile, and from here on none can. Readers go on. Call inside a transaction.
 */
export async function lockOutWriters(
  session: Session,
  { table }: Pick<LoadPlan, 'table'>,
  oid: string,
  signal: AbortSignal,
): Promise<void> {
  const name = quoteTable(table);
  const lock = `LOCK TABLE ONLY ${name} IN SHARE ROW EXCLUSIVE MODE`;
  const [row] = await session.script(`Locking ${name}`, `${lock}; ${NOW}${quoteText(oid)}::oid`, signal);
  refuse(table, row);
}

function refuse(table: LoadPlan['table'], row: TextRow | undefined): void {
  if (row?.hides !== 't') return;
  const name = quoteTable(table);
  const who = quoteName(row.who ?? '');
  const policy = `CREATE POLICY millrace ON ${name} TO ${who} USING (true) WITH CHECK (true)`;
  const others = row.restricted === 't' ? `ALTER ROLE ${who} BYPASSRLS` : policy;
  const mend = row.owned === 't' ? `ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY` : others;
  throw new SyncError(
    'CONN_PRIVILEGE_MISSING',
    `Row-level security binds ${who} in ${name}: its policies may hide records or refuse them, so nothing could be proved. No record was changed. Run ${mend}, then start again.`,
    { detail: { statement: mend } },
  );
}
