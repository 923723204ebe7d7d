import { writeFile } from 'node:fs/promises';
import type { Chunk } from '../../formats/index.ts';
import type { LoadPlan } from '../load.ts';
import { csvColumn, readCsv } from './read-csv.ts';
import type { Session } from './session.ts';
import { quoteText } from './sql.ts';
import { codecOf } from './types.ts';

/** A record that DuckDB would not take, by its index in the chunk. */
export interface RefusedRecord {
  readonly index: number;
  readonly reason: string;
}

/** Tries every value of the chunk on its own. `path` is a file to use for it; the caller removes it. */
export async function findRefusedRecords(
  session: Session,
  plan: LoadPlan,
  chunk: Chunk,
  path: string,
): Promise<RefusedRecord[]> {
  await writeFile(path, numberRecords(chunk));
  const file = { path, longestRecord: chunk.payload.byteLength };
  const reasons = plan.columns.map(({ name, logicalType }, i) => {
    const codec = codecOf(logicalType);
    const reason = quoteText(`a value of the column ${name} is no ${codec.type}`);
    return `WHEN ${csvColumn(i)} IS NOT NULL AND TRY(${codec.fromText(csvColumn(i))}) IS NULL THEN ${reason}`;
  });
  const rows = await session.rows(
    `SELECT record, reason FROM (SELECT record, CASE ${reasons.join(' ')} END AS reason FROM ${readCsv(file, plan.columns, 'text', ['record'])}) ` +
      'WHERE reason IS NOT NULL ORDER BY record::INTEGER',
  );
  return rows.map((row) => ({ index: Number(row.record), reason: String(row.reason) }));
}

/** The chunk without some of its records. */
export function withoutRecords(chunk: Chunk, refused: readonly RefusedRecord[]): Chunk {
  const left = new Set(refused.map(({ index }) => index));
  const kept = cut(chunk).filter((_, index) => !left.has(index));
  let end = 0;
  const ends = Uint32Array.from(kept, (record) => {
    end += record.byteLength;
    return end;
  });
  return { format: chunk.format, payload: new Uint8Array(Buffer.concat(kept)), ends };
}

/** The CSV reader promises no order, so every record carries its index as its first field. */
function numberRecords(chunk: Chunk): Buffer {
  return Buffer.concat(cut(chunk).flatMap((record, index) => [Buffer.from(`${index},`), record]));
}

function cut(chunk: Chunk): Buffer[] {
  const all = Buffer.from(chunk.payload.buffer, chunk.payload.byteOffset, chunk.payload.byteLength);
  return Array.from(chunk.ends, (end, i) => all.subarray(i === 0 ? 0 : chunk.ends[i - 1], end));
}
