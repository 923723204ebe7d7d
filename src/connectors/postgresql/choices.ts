import type { Choice, ChoiceList, ConnectorContext } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import { createRoute } from './client/route.ts';
import { postgresqlConfig } from './config.ts';
import { SessionPool } from './sessions.ts';

/** Databases that the user may open. */
const DATABASES = `
  SELECT datname AS name FROM pg_database
  WHERE datallowconn AND NOT datistemplate AND has_database_privilege(oid, 'CONNECT') ORDER BY 1 LIMIT 1000`;

/** Schemas in which the user may make tables. */
const SCHEMAS = `
  SELECT nspname AS name FROM pg_namespace
  WHERE nspname <> 'information_schema' AND nspname !~ '^(pg_|__millrace)' AND has_schema_privilege(oid, 'CREATE')
  ORDER BY 1 LIMIT 1000`;

/** `database` of a connection, asked in `postgres` while none is named; `schema` of a sync into it. */
export const postgresqlChoices: Readonly<Record<string, ChoiceList>> = {
  database: { allowsCreation: false, list: (given, context, signal) => ask(DATABASES, given, context, signal) },
  schema: { allowsCreation: true, list: (given, context, signal) => ask(SCHEMAS, given, context, signal) },
};

/** A maintenance database that nearly every server has. */
const FIRST_DATABASE = 'postgres';

async function ask(
  question: string,
  given: Readonly<Record<string, unknown>>,
  context: ConnectorContext,
  signal: AbortSignal,
): Promise<readonly Choice[]> {
  const isNamed = typeof given.database === 'string' && given.database !== '';
  const parsed = postgresqlConfig.safeParse(isNamed ? given : { ...given, database: FIRST_DATABASE });
  if (!parsed.success) throw incomplete(parsed.error.issues);
  await using route = createRoute(parsed.data, context);
  await using pool = new SessionPool({ config: parsed.data, context, route, side: 'source' });
  const rows = await pool.use(signal, (session) => session.query('Listing values', question, [], signal));
  return rows.map(({ name }) => ({ label: name ?? '', value: name ?? '' }));
}

function incomplete(issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): SyncError {
  const fields = issues.map(({ path }) => `\`parameters.${path.map(String).join('.')}\``).join(', ');
  return new SyncError('REQUEST_MALFORMED', `Listing values needs the rest of the configuration: correct ${fields}.`);
}
