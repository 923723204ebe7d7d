import type { FieldDescription, LogicalType, SchemaDescription } from '../../../src/core/index.ts';

const FIELDS: Readonly<Record<string, LogicalType>> = {
  id: { kind: 'integer', bits: 64 },
  name: { kind: 'text' },
  amount: { kind: 'decimal', precision: 20, scale: 4 },
  share: { kind: 'float', bits: 64 },
  active: { kind: 'boolean' },
  token: { kind: 'uuid' },
  born: { kind: 'date' },
  wakes: { kind: 'time' },
  seen_at: { kind: 'timestamptz' },
  local_at: { kind: 'timestamp' },
  address: { kind: 'json' },
};

/** An object as an HTTP API describes it, with a field of nearly every type. */
export const PEOPLE: SchemaDescription = {
  id: 'people',
  name: 'people',
  fields: Object.entries(FIELDS).map(([id, logicalType]) => toField(id, logicalType)),
  primaryKey: ['id'],
  estimatedRecords: null,
  estimatedBytes: null,
};

function toField(id: string, logicalType: LogicalType): FieldDescription {
  const isKey = id === 'id';
  return {
    id,
    name: id,
    type: logicalType.kind === 'json' ? 'object' : logicalType.kind === 'boolean' ? 'boolean' : 'string',
    remoteType: logicalType.kind,
    logicalType,
    isNullable: !isKey,
    isPrimaryKey: isKey,
    canTrack: id === 'seen_at',
  };
}

/** One record as the API's JSON. */
export function toPerson(id: number): string {
  const name = ['Ann, "the first"', 'Bärbel\n漢字', '', ' ', '\\.'][id % 5] ?? '';
  const token = `6BA7B810-9DAD-11D1-80B4-${String(id).padStart(12, '0')}`;
  return (
    `{"id":${id},"name":${id % 7 === 0 ? 'null' : JSON.stringify(name)},"amount":${id % 2 === 0 ? '"-0.5"' : '1e-3'},` +
    `"share":${id}.125,"active":${id % 3 === 0},"token":"${token}","born":"1999-12-31","wakes":"06:30:00",` +
    `"seen_at":"2026-03-01T12:00:00.25+02:00","local_at":"2026-03-01T12:00:00","address":{"zip":"0${id}"},"other":1}`
  );
}

/** Records 1 to `count`. */
export function listPeople(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => toPerson(index + 1));
}
