import type { ModelTargetCatalogue } from '../../connector-kit/index.ts';
import { toSchemaId } from './schema-id.ts';
import type { SessionPool } from './sessions.ts';

const TABLES = `
  SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
    AND n.nspname <> 'information_schema' AND n.nspname !~ '^(pg_|__millrace)' AND c.relname !~ '^__millrace_'
    AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE')
  ORDER BY 1, 2`;

const SCHEMAS = `
  SELECT nspname FROM pg_namespace
  WHERE nspname <> 'information_schema' AND nspname !~ '^(pg_|__millrace)' AND has_schema_privilege(oid, 'CREATE') ORDER BY 1`;

/** Tables that the user may write, and schemas in which it may make new ones. */
export function createTargetCatalogue(pool: SessionPool): ModelTargetCatalogue {
  return {
    listObjects: (signal) =>
      pool.use(signal, async (session) => {
        const rows = await session.query('Reading the tables', TABLES, [], signal);
        return rows.map(({ nspname, relname }) => {
          const id = toSchemaId({ schema: nspname ?? '', name: relname ?? '' });
          return { id, name: id };
        });
      }),
    creationProperties: (signal) =>
      pool.use(signal, async (session) => {
        const rows = await session.query('Reading the schemas', SCHEMAS, [], signal);
        const values = rows.map(({ nspname }) => ({ label: nspname ?? '', value: nspname ?? '' }));
        return [
          { id: 'schema', title: 'Schema', values },
          { id: 'name', title: 'Table name' },
        ];
      }),
  };
}
