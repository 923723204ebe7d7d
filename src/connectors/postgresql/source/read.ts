import type { ReadRequest } from '../../../connector-kit/index.ts';
import { POSTGRESQL, toFilterCondition } from '../../../connector-kit/sql/index.ts';
import { SyncError } from '../../../core/index.ts';
import { fromSchemaId } from '../schema-id.ts';
import { quoteName, toColumn } from '../sql.ts';
import { toWireExpression } from '../types.ts';
import type { RangeValue } from './segments.ts';
import { toFrom } from './table.ts';
import { toDeltaCondition } from './tracking.ts';

const OPTIONS = { 'pgcopy-binary': 'FORMAT binary', csv: 'FORMAT csv' } as const;

/** The COPY statement that sends one segment. */
export function toCopyStatement(request: ReadRequest): string {
  return `COPY (${toSelect(request)}) TO STDOUT (${OPTIONS[request.format]})`;
}

/** The SELECT of one segment: columns, conversions, range, cursor and filters. */
export function toSelect(request: Omit<ReadRequest, 'format'>): string {
  // Written by planSegments of this connector; nobody else makes range values.
  const range = request.range.value as RangeValue;
  const from = toFrom(fromSchemaId(request.schema.id), range.only);
  const filtered = toFilterCondition(request.schema, request.filters, POSTGRESQL, toColumn);
  const conditions = [toCondition(request, range), filtered].filter((condition) => condition !== null);
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  const columns = request.fields.map((field) => toExpression(request, field)).join(', ');
  return `SELECT ${columns} FROM ${from}${where}`;
}

/** The column itself, or the conversion that was offered. */
function toExpression(request: Pick<ReadRequest, 'schema'>, field: ReadRequest['fields'][number]): string {
  const described = request.schema.fields.find(({ id }) => id === field.id);
  if (described === undefined) {
    throw new SyncError(
      'SOURCE_CHANGED',
      `${request.schema.id} has no field ${field.id} any more. Refresh the connection’s schemas.`,
    );
  }
  return toWireExpression(described, field.wireType);
}

function toCondition(request: Pick<ReadRequest, 'schema' | 'from'>, range: RangeValue): string | null {
  switch (range.kind) {
    case 'whole':
      return null;
    case 'key':
      return toRange(quoteName(range.column), toInteger(range.from), toInteger(range.to));
    case 'blocks':
      return toRange('ctid', `'(${range.from},0)'::tid`, range.to === null ? null : `'(${range.to},0)'::tid`);
    case 'changed':
      if (request.from === null) throw new SyncError('INTERNAL', 'A delta was to be read without its checkpoint.');
      return toDeltaCondition(request.from, (id) =>
        request.schema.fields.some((field) => field.id === id && field.isNullable),
      );
  }
}

function toRange(column: string, from: string | null, to: string | null): string | null {
  const parts = [...(from === null ? [] : [`${column} >= ${from}`]), ...(to === null ? [] : [`${column} < ${to}`])];
  return parts.length === 0 ? null : parts.join(' AND ');
}

function toInteger(digits: string | null): string | null {
  return digits === null ? null : `${BigInt(digits)}`;
}
