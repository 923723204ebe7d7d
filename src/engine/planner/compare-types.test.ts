import { describe, expect, it } from 'vitest';
import type { LogicalType } from '../../core/index.ts';
import { compareTypes } from './compare-types.ts';

const text: LogicalType = { kind: 'text' };
const integer = (bits: 16 | 32 | 64): LogicalType => ({ kind: 'integer', bits });
const decimal = (precision: number, scale: number): LogicalType => ({ kind: 'decimal', precision, scale });

describe('compareTypes', () => {
  it.each([
    ['integer', integer(32), 'bigint', integer(64)],
    ['integer', integer(32), 'numeric(12,2)', decimal(12, 2)],
    ['numeric(8,2)', decimal(8, 2), 'numeric(12,4)', decimal(12, 4)],
    ['numeric(8,2)', decimal(8, 2), 'numeric', text],
    ['real', { kind: 'float', bits: 32 }, 'double precision', { kind: 'float', bits: 64 }],
    ['character varying(5)', text, 'character varying(6)', text],
    ['character varying(5)', text, 'text', text],
    ['timestamp(3) without time zone', { kind: 'timestamp' }, 'timestamp without time zone', { kind: 'timestamp' }],
  ] as const)('calls %s → %s widened, and the way back narrowed', (type, logicalType, wide, wideLogical) => {
    const [one, other] = [
      { type, logicalType },
      { type: wide, logicalType: wideLogical },
    ];
    expect(compareTypes(one, other)).toBe('type_widened');
    expect(compareTypes(other, one)).toBe('type_narrowed');
  });

  it.each([
    ['integer', integer(32), 'text', text],
    ['numeric(8,2)', decimal(8, 2), 'numeric(8,4)', decimal(8, 4)],
    ['mood', text, 'text', text],
    ['date', { kind: 'date' }, 'timestamp without time zone', { kind: 'timestamp' }],
    ['json', { kind: 'json' }, 'jsonb', { kind: 'json' }],
    ['text', text, 'character varying', text],
  ] as const)('calls %s → %s changed', (type, logicalType, other, otherLogical) => {
    expect(compareTypes({ type, logicalType }, { type: other, logicalType: otherLogical })).toBe('type_changed');
  });
});
