import type { BulkSource, Checkpoint, SegmentRange, SnapshotRef } from '../../src/connector-kit/index.ts';
import type { SchemaDescription } from '../../src/core/index.ts';
import { readKey } from '../../src/formats/index.ts';
import { NEVER } from './postgresql-loads.ts';

/** @throws `Error` when the source does not know this schema */
export async function findSchema(source: BulkSource, id: string): Promise<SchemaDescription> {
  const schema = (await source.discover(NEVER)).find((one) => one.id === id);
  if (schema === undefined) throw new Error(`${id} was not discovered`);
  return schema;
}

/** First fields of all records of these ranges, as text, in the source's cheapest format. */
export async function readIds(
  source: BulkSource,
  schema: SchemaDescription,
  ranges: readonly SegmentRange[],
  snapshot: SnapshotRef,
  from: Checkpoint | null = null,
): Promise<string[]> {
  const [offer] = source.offer(schema.fields);
  const [first] = offer?.fields ?? [];
  if (offer === undefined || first === undefined) throw new Error('nothing is offered');
  const { format, fields } = offer;
  const ids: string[] = [];
  for (const range of ranges) {
    for await (const { chunk } of source.read({ schema, format, fields, range, snapshot, from, filters: [] }, NEVER)) {
      for (const index of chunk.ends.keys())
        ids.push(readKey(chunk, index, [{ position: 0, id: 'id', logicalType: first.logicalType }]).id ?? 'null');
    }
  }
  return ids;
}

export const byNumber = (a: string, b: string): number => Number(BigInt(a) - BigInt(b));
