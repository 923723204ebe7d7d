import type { Connector } from '../../src/connector-kit/index.ts';
import type { FieldDescription, LogicalType } from '../../src/core/index.ts';

// What the tables of types in the documentation are made from.

/** Every kind of value, with what pages call it and one such value as it travels. */
export const KINDS: readonly (readonly [meaning: string, logicalType: LogicalType, example: string])[] = [
  ['boolean', { kind: 'boolean' }, 't'],
  ['whole number of 16 bits', { kind: 'integer', bits: 16 }, '-7'],
  ['whole number of 32 bits', { kind: 'integer', bits: 32 }, '70000'],
  ['whole number of 64 bits', { kind: 'integer', bits: 64 }, '9223372036854775807'],
  ['decimal of up to 38 digits', { kind: 'decimal', precision: 38, scale: 9 }, '1.500000000'],
  ['wider decimal', { kind: 'decimal', precision: 39, scale: 0 }, '123456789012345678901234567890123456789'],
  ['float of 32 bits', { kind: 'float', bits: 32 }, '0.1'],
  ['float of 64 bits', { kind: 'float', bits: 64 }, '-Infinity'],
  ['text', { kind: 'text' }, 'a, "b"'],
  ['bytes', { kind: 'bytes' }, '\\x00ff'],
  ['UUID', { kind: 'uuid' }, '6f9619ff-8b86-d011-b42d-00cf4fc964ff'],
  ['JSON', { kind: 'json' }, '{"a": 1.50}'],
  ['date', { kind: 'date' }, '2024-02-29'],
  ['time', { kind: 'time' }, '12:30:00.5'],
  ['timestamp without zone', { kind: 'timestamp' }, '2024-02-29 12:30:00.5'],
  ['timestamp with zone', { kind: 'timestamptz' }, '2024-02-29 10:30:00.5+00'],
];

/** The column that a field of one system becomes in another, and how it is converted on the way. */
export function describeLanding(source: Connector, destination: Connector, field: FieldDescription): string {
  for (const offer of source.source?.offer([field]) ?? []) {
    const column = destination.destination?.accept(offer)?.columns[0];
    if (column === undefined) continue;
    const how = / as (a 64-bit float|\S*[^\s,])/.exec(
      (offer.fields[0]?.conversion ?? column.conversion)?.slice(field.id.length) ?? '',
    )?.[0];
    return `${column.type === field.remoteType ? 'same' : column.type}${how === undefined ? '' : `,${how}`}`;
  }
  return 'refused';
}
