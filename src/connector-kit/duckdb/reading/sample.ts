import type { Json } from '@duckdb/node-api';
import type { FieldDescription, LogicalType } from '../../../core/index.ts';
import type { Session } from '../session.ts';
import { quoteName } from '../sql.ts';
import { describeType } from './column-types.ts';

/** The first records of `from` (what stands behind FROM) as JSON values. Numbers that JavaScript would round are strings. */
export async function sampleRecords(
  session: Session,
  fields: readonly FieldDescription[],
  from: string,
  limit: number,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const columns = fields.map(({ id, remoteType }, i) => `${describeType(remoteType).toWire(quoteName(id))} AS __m${i}`);
  const rows = await session.rows(`SELECT ${columns.join(', ')} FROM ${from} LIMIT ${Math.max(0, Math.floor(limit))}`);
  return rows.map((row) =>
    Object.fromEntries(fields.map(({ id, logicalType }, i) => [id, toJsonValue(row[`__m${i}`], logicalType)])),
  );
}

function toJsonValue(value: Json | undefined, type: LogicalType): unknown {
  if (value === null || value === undefined) return null;
  const text = String(value);
  switch (type.kind) {
    case 'boolean':
      return text === 't';
    case 'integer':
      return Number.isSafeInteger(Number(text)) ? Number(text) : text;
    case 'float':
      return Number.isFinite(Number(text)) ? Number(text) : text;
    case 'json':
      return parseJson(text);
    default:
      return text;
  }
}

/** DuckDB prints NaN and infinities inside nested values as no JSON has them. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
