import { toSampleValue } from '../../../connector-kit/index.ts';
import type { Session } from '../client.ts';
import { fromSchemaId } from '../schema-id.ts';
import { quoteName, quoteTable } from '../sql.ts';
import { describeType } from '../types.ts';

/** Columns of one table that the user may read, in their order; none for what is no such table. */
export const COLUMNS = `
  SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a
  WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
  ORDER BY a.attnum`;

/** Some records as JSON values. Numbers that JavaScript would round are strings. */
export async function sampleRecords(
  session: Session,
  schemaId: string,
  limit: number,
  signal: AbortSignal,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const table = quoteTable(fromSchemaId(schemaId));
  const columns = await session.query(`Reading the columns of ${table}`, COLUMNS, [table], signal);
  const names = columns.map(({ attname }) => attname ?? '');
  const list = names.map((name, index) => `${quoteName(name)}::text AS c${index}`).join(', ');
  const rows = await session.query(`Sampling ${table}`, `SELECT ${list} FROM ${table} LIMIT $1`, [limit], signal);
  const types = columns.map(({ type }) => describeType(type ?? '').logicalType);
  return rows.map((row) =>
    Object.fromEntries(names.map((name, index) => [name, toSampleValue(row[`c${index}`] ?? null, types[index])])),
  );
}
