import { queryFile } from '../duckdb/duckdb-loads.ts';
import type { Target } from './expected-names.ts';
import type { PlainSession } from './random-source.ts';
import { normalizeText, toDuckdbText, toReturnedText, toSourceText } from './type-texts.ts';

/** A destination, and how texts of both ends are made comparable. */
export interface End {
  /** The value as text, in SQL of the source. */
  send(column: string, type: string): string;
  /** The value as text, in SQL of the destination. */
  land(column: string, type: string): string;
  /** One form for what both print differently. */
  normalize(value: unknown, type: string): unknown;
  query(sql: string): Promise<readonly (readonly unknown[])[]>;
  /** Names of the columns in their order; none = there is no such table. */
  listColumns(target: Target): Promise<readonly string[]>;
  /** All tables but Millrace's own. */
  listTables(): Promise<readonly Target[]>;
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function createEnd(query: End['query'], texts: Pick<End, 'send' | 'land' | 'normalize'>): End {
  return {
    ...texts,
    query,
    async listColumns({ schema, name }) {
      const rows = await query(
        `SELECT column_name FROM information_schema.columns WHERE table_schema = ${literal(schema)} AND table_name = ${literal(name)} ORDER BY ordinal_position`,
      );
      return rows.flat().map(String);
    },
    async listTables() {
      const rows = await query(
        `SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN ('information_schema', 'pg_catalog', '__millrace')`,
      );
      return rows.map(([schema, name]) => ({ schema: String(schema), name: String(name) }));
    },
  };
}

/** A PostgreSQL that got its records from one. */
export function toPostgresql(session: PlainSession): End {
  return createEnd(session.query, {
    send: (column, type) => (type === 'money' ? `${column}::numeric::text` : `${column}::text`),
    land: (column) => `${column}::text`,
    normalize: (value) => value,
  });
}

/** A PostgreSQL that got them from a DuckDB file. */
export function toReturned(session: PlainSession): End {
  return createEnd(session.query, { send: toSourceText, land: toReturnedText, normalize: normalizeText });
}

/** A DuckDB file that nobody else has open. */
export function toDuckdb(file: string): End {
  return createEnd((sql) => queryFile(file, sql), {
    send: toSourceText,
    land: toDuckdbText,
    normalize: normalizeText,
  });
}
