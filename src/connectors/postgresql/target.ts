import type { ModelTargetCatalogue, ModelTargetField } from '../../connector-kit/index.ts';
import type { TextRow } from './client.ts';
import { fromSchemaId, toSchemaId } from './schema-id.ts';
import type { SessionPool } from './sessions.ts';
import { describeType } from './types.ts';

const WRITABLE = `
  c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^(pg_|__millrace)' AND c.relname !~ '^__millrace_'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE')`;

const TABLES = `
  SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${WRITABLE} ORDER BY 1, 2`;

/** One row without a name for a table without columns; none for what is no such table. A domain counts as its base type. */
const COLUMNS = `
  SELECT a.attname, a.attnotnull, a.attgenerated, a.attidentity, a.atthasdef, base.typtype,
    format_type(base.oid, base.typmod) AS type, col_description(c.oid, a.attnum) AS description,
    EXISTS (SELECT FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f' AND a.attnum = ANY (f.conkey)) AS refers,
    EXISTS (SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod AND m.amname = 'btree'
      WHERE o.opcintype = base.oid AND o.opcdefault) OR base.typtype = 'e' OR base.isvarchar AS comparable
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN LATERAL (
    WITH RECURSIVE steps AS (
      SELECT t.oid, t.typtype, t.typbasetype, a.atttypmod AS typmod FROM pg_type t WHERE t.oid = a.atttypid
      UNION ALL
      SELECT t.oid, t.typtype, t.typbasetype, s.typtypmod FROM
        (SELECT p.typbasetype, d.typtypmod FROM steps p JOIN pg_type d ON d.oid = p.oid WHERE p.typtype = 'd') s
        JOIN pg_type t ON t.oid = s.typbasetype)
    SELECT oid, typtype, typmod, oid = 'varchar'::regtype AS isvarchar FROM steps WHERE typtype <> 'd') base ON true
  WHERE ${WRITABLE} AND n.nspname = $1 AND c.relname = $2 ORDER BY a.attnum`;

const SCHEMAS = `
  SELECT nspname FROM pg_namespace
  WHERE nspname <> 'information_schema' AND nspname !~ '^(pg_|__millrace)' AND has_schema_privilege(oid, 'CREATE') ORDER BY 1`;

/** Tables that the user may write with their columns, and schemas in which it may make new ones. */
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
    describeFields: async (objectId, signal) => {
      const table = readTableId(objectId);
      if (table === null) return null;
      return pool.use(signal, async (session) => {
        const rows = await session.query('Reading the columns', COLUMNS, [table.schema, table.name], signal);
        return rows.length === 0 ? null : rows.filter(({ attname }) => attname !== null).map(toTargetField);
      });
    },
    toObjectId: ({ schema = '', name = '' }) => toSchemaId({ schema, name }),
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

function readTableId(objectId: string) {
  try {
    return fromSchemaId(objectId);
  } catch {
    return null;
  }
}

function toTargetField(column: TextRow): ModelTargetField {
  const remoteType = column.type ?? '';
  const isGenerated = column.attgenerated !== '' || column.attidentity === 'a';
  const { type } = describeType(remoteType, { isComposite: column.typtype === 'c' });
  const isComparable = column.comparable === 't' && type !== 'object' && type !== 'binary';
  const hasDefault = column.atthasdef === 't' || column.attidentity !== '';
  return {
    id: column.attname ?? '',
    type,
    remoteType,
    description: column.description ?? null,
    isRequired: column.attnotnull === 't' && !hasDefault,
    isCreateable: !isGenerated,
    isUpdateable: !isGenerated,
    isFilterable: isComparable,
    isAssociation: column.refers === 't',
    identityFunctions: isComparable ? ['Equality'] : [],
  };
}
