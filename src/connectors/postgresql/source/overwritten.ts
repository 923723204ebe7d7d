import type { OverwrittenTable, TableName, WriteRequest } from '../../../connector-kit/index.ts';
import { isSameDatabase } from '../../../core/index.ts';
import type { Session } from '../client.ts';
import { identifyDatabase } from '../identity.ts';
import { fromSchemaId } from '../schema-id.ts';

/** What is read for a relation: partitions and children; of a view what its query names; and theirs in turn. */
const OVERWRITTEN = `
  WITH RECURSIVE read AS (
    SELECT given.no, c.oid FROM unnest($1::text[], $2::text[]) WITH ORDINALITY given (schema, name, no)
    JOIN pg_namespace n ON n.nspname = given.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = given.name
    UNION
    SELECT read.no, below.oid FROM read CROSS JOIN LATERAL (
      SELECT inhrelid AS oid FROM pg_inherits WHERE inhparent = read.oid
      UNION ALL
      SELECT d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
      WHERE r.ev_class = read.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> read.oid) below),
  written AS (
    SELECT given.no, c.oid FROM unnest($3::text[], $4::text[]) WITH ORDINALITY given (schema, name, no)
    JOIN pg_namespace n ON n.nspname = given.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = given.name
    UNION
    SELECT written.no, i.inhrelid FROM written JOIN pg_inherits i ON i.inhparent = written.oid)
  SELECT DISTINCT ON (written.no) written.no AS written, read.no AS read FROM written JOIN read USING (oid) ORDER BY 1, 2`;

/** See `BulkSource.findOverwritten`. Foreign tables are not followed: where they lead is another server's to say. */
export async function findOverwritten(
  session: Session,
  { schemaIds, tables, into }: WriteRequest,
  signal: AbortSignal,
): Promise<readonly OverwrittenTable[]> {
  if (!isSameDatabase(await identifyDatabase(session, signal), into)) return [];
  const parameters = [...toColumns(schemaIds.map(fromSchemaId)), ...toColumns(tables)];
  const rows = await session.query('Looking for tables that are read and written', OVERWRITTEN, parameters, signal);
  return rows.flatMap(({ read, written }) => {
    const schemaId = schemaIds[Number(read) - 1];
    const table = tables[Number(written) - 1];
    return schemaId === undefined || table === undefined ? [] : [{ schemaId, table }];
  });
}

const toColumns = (tables: readonly TableName[]): readonly (readonly string[])[] => [
  tables.map(({ schema }) => schema),
  tables.map(({ name }) => name),
];
