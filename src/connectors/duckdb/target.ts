import { existsSync } from 'node:fs';
import { describeType, type Session } from '../../connector-kit/duckdb/index.ts';
import type { ModelTargetCatalogue, ModelTargetField } from '../../connector-kit/index.ts';
import type { FieldDescription, FieldType } from '../../core/index.ts';
import type { Lease } from './leases.ts';
import { discoverSchemas } from './schema.ts';
import { toSchemaId } from './schema-id.ts';

/** Kinds of values that have no order and no equality that a user would expect. */
const NOT_COMPARABLE: readonly FieldType[] = ['array', 'object', 'binary', 'unknown'];

const TABLES = `
  SELECT schema_name, table_name FROM duckdb_tables()
  WHERE database_name = current_database() AND schema_name <> '__millrace' AND NOT internal AND NOT temporary
    AND NOT starts_with(table_name, '__millrace_') ORDER BY 1, 2`;

const SCHEMAS = `
  SELECT schema_name FROM duckdb_schemas()
  WHERE database_name = current_database() AND NOT internal AND schema_name <> '__millrace' ORDER BY 1`;

const DEFAULTS = `
  SELECT schema_name, table_name, column_name, comment, column_default IS NOT NULL AS given FROM duckdb_columns()
  WHERE database_name = current_database() AND NOT internal`;

/** Tables of the file with their columns, and schemas for new ones. To look at a file that is not there makes none. */
export function createTargetCatalogue(path: string, lease: Lease): ModelTargetCatalogue {
  const look = async <T>(work: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T> =>
    (await lease('look')).exclusive('Reading the tables of', work, signal);
  return {
    async listObjects(signal) {
      if (!existsSync(path)) return [];
      return look(listTables, signal);
    },
    async describeFields(objectId, signal) {
      if (!existsSync(path)) return null;
      return look((session) => describeTable(session, objectId), signal);
    },
    toObjectId: ({ schema = '', name = '' }) => toSchemaId({ schema, name }),
    async creationProperties(signal) {
      const schemas = existsSync(path) ? await look(listSchemas, signal) : ['main'];
      return [
        { id: 'schema', title: 'Schema', values: schemas.map((name) => ({ label: name, value: name })) },
        { id: 'name', title: 'Table name' },
      ];
    },
  };
}

async function listTables(session: Session) {
  return (await session.rows(TABLES)).map((row) => {
    const id = toSchemaId({ schema: String(row.schema_name), name: String(row.table_name) });
    return { id, name: id };
  });
}

async function listSchemas(session: Session): Promise<string[]> {
  const found = (await session.rows(SCHEMAS)).map((row) => String(row.schema_name));
  return found.includes('main') ? found : ['main', ...found];
}

async function describeTable(session: Session, objectId: string): Promise<ModelTargetField[] | null> {
  // A view has columns, too, and cannot be written.
  if (!(await listTables(session)).some(({ id }) => id === objectId)) return null;
  const schema = (await discoverSchemas(session)).find(({ id }) => id === objectId);
  const facts = new Map(
    (await session.rows(DEFAULTS))
      .filter((row) => toSchemaId({ schema: String(row.schema_name), name: String(row.table_name) }) === objectId)
      .map((row) => [String(row.column_name), row]),
  );
  return (schema?.fields ?? []).map((field) => {
    const { given, comment } = facts.get(field.id) ?? {};
    return toTargetField(field, given === true, typeof comment === 'string' ? comment : null);
  });
}

function toTargetField(field: FieldDescription, hasDefault: boolean, description: string | null): ModelTargetField {
  const isComparable = !NOT_COMPARABLE.includes(describeType(field.remoteType).type);
  const isGenerated = field.isGenerated === true;
  return {
    id: field.id,
    type: field.type,
    remoteType: field.remoteType,
    description,
    isRequired: !field.isNullable && !hasDefault,
    isCreateable: !isGenerated,
    isUpdateable: !isGenerated,
    isFilterable: isComparable,
    isAssociation: field.association !== undefined,
    identityFunctions: isComparable ? ['Equality'] : [],
  };
}
