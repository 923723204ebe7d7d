import { randomUUID } from 'node:crypto';
import { type FieldDescription, type SchemaDescription, SyncError } from '../../core/index.ts';
import { type Row, toPgcopyType, WIRE_FORMATS } from '../../formats/index.ts';
import type { MemoryCredit } from '../memory-credit.ts';
import type { BulkSource, FormatOffer, OfferedField, SourceSnapshot } from '../source.ts';
import { readRows } from './read-rows.ts';
import type { RowSystem } from './row-system.ts';
import { planTracking } from './tracking.ts';

/**
 * A bulk source over a system that only gives pages of rows. It has no image of all records at one moment, so a snapshot is
 * the time at which reading began; each schema is one segment, which is read from its start again after a failure.
 */
export function createRowSource(system: RowSystem, { credit }: { readonly credit: MemoryCredit }): BulkSource {
  return {
    discover: (signal) => system.discover(signal),
    sample: (schemaId, limit, signal) => sample(system, schemaId, limit, signal),
    offer: offerRows,
    openSnapshot: async (signal) => {
      signal.throwIfAborted();
      return toSnapshot(randomUUID(), new Date().toISOString());
    },
    // Nothing is held by anybody, so nothing ends with the process that opened it.
    joinSnapshot: async ({ token, position }) => toSnapshot(token, position.takenAt),
    planSegments: async ({ from }) => [{ text: from === null ? 'whole table' : 'changed records', value: {} }],
    planTracking: async (request) => planTracking(request),
    read: (request, signal) => readRows(system, request, credit, signal),
  };
}

function toSnapshot(token: string, takenAt: string): SourceSnapshot {
  return {
    token,
    position: { position: null, takenAt },
    lowerBound: { value: takenAt, isExact: false, reason: 'the system shows no open transactions' },
    async [Symbol.asyncDispose]() {},
  };
}

/** Every wire format, each made of the same values. */
function offerRows(fields: readonly FieldDescription[], asText?: ReadonlySet<string>): readonly FormatOffer[] {
  const offered = fields.map((field) => toOffered(field, asText?.has(field.id) === true));
  return WIRE_FORMATS.map((format) => ({ format, fields: offered, isMadeOfRows: true }));
}

function toOffered(field: FieldDescription, isText: boolean): OfferedField {
  const logicalType = isText ? ({ kind: 'text' } as const) : field.logicalType;
  const isChanged = logicalType.kind !== field.logicalType.kind;
  return {
    id: field.id,
    logicalType,
    wireType: toPgcopyType(logicalType),
    conversion: isChanged ? `${field.id}: ${field.remoteType} as text` : null,
    isNullable: field.isNullable,
  };
}

async function sample(system: RowSystem, schemaId: string, limit: number, signal: AbortSignal) {
  const schema = (await system.discover(signal)).find(({ id }) => id === schemaId);
  if (schema === undefined)
    throw new SyncError('SOURCE_CHANGED', `${schemaId} is gone. Refresh the connection’s schemas.`);
  const fields = schema.fields.map(({ id }) => id);
  const records: Readonly<Record<string, unknown>>[] = [];
  for await (const page of system.readPages({ schema, fields, changedSince: null }, signal)) {
    records.push(...page.slice(0, limit - records.length).map((row) => toSample(schema, row)));
    if (records.length >= limit) break;
  }
  return records;
}

function toSample({ fields }: SchemaDescription, row: Row): Readonly<Record<string, unknown>> {
  return Object.fromEntries(fields.map(({ id }) => [id, toJsonValue(Object.hasOwn(row, id) ? row[id] : null)]));
}

function toJsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : (value ?? null);
}
