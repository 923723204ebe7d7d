import type { Json } from '@duckdb/node-api';
import type { FieldDescription } from '../../../core/index.ts';
import { toSampleValue } from '../../sample-value.ts';
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
    Object.fromEntries(
      fields.map(({ id, logicalType }, i) => [id, toSampleValue(toText(row[`__m${i}`]), logicalType)]),
    ),
  );
}

function toText(value: Json | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
