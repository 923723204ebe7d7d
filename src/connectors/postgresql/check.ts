import { SyncError } from '../../core/index.ts';
import type { Session } from './client.ts';
import type { PostgresqlConfig } from './config.ts';

const ACCESS = `
  SELECT has_database_privilege(current_database(), 'CREATE') AS creates,
    EXISTS (SELECT FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege(oid, 'CREATE')) AS writes,
    EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')) AS reads`;

/**
 * A session that was opened proves address and credentials; here the privileges. A connection may be meant for reading
 * or for writing, so one of the two is enough.
 */
export async function checkAccess(session: Session, config: PostgresqlConfig, signal: AbortSignal): Promise<void> {
  const [row] = await session.query('Reading the privileges', ACCESS, [], signal);
  if (row?.reads === 't' || row?.writes === 't' || row?.creates === 't') return;
  throw new SyncError(
    'CONN_PRIVILEGE_MISSING',
    `${config.username} can open ${config.database}, but neither read nor write anything there. To read, grant USAGE on the schema and SELECT on its tables; to write, grant CREATE on the database.`,
  );
}
