import { describe, expect, it } from 'vitest';
import type { BulkDestination, BulkSource, FormatOffer } from '../../connector-kit/index.ts';
import type { SchemaDescription } from '../../core/index.ts';
import type { WireFormat } from '../../formats/index.ts';
import { chooseFormat, toColumns } from './choose-format.ts';

const FIELD = {
  id: 'at',
  name: 'at',
  type: 'datetime',
  remoteType: 'timestamptz',
  logicalType: { kind: 'timestamptz' },
  isNullable: true,
  isPrimaryKey: false,
  canTrack: true,
} as const;
const SCHEMA: SchemaDescription = {
  id: 'public.events',
  name: 'events',
  fields: [FIELD],
  primaryKey: [],
  estimatedRecords: null,
  estimatedBytes: null,
};

function toOffer(format: WireFormat, changes: Partial<FormatOffer['fields'][number]> = {}): FormatOffer {
  const { id, logicalType, isNullable } = FIELD;
  return { format, fields: [{ id, logicalType, wireType: 'timestamptz', conversion: null, isNullable, ...changes }] };
}

/** A destination that takes these formats, each at its cost. */
function choose(offers: readonly FormatOffer[], costs: Partial<Record<WireFormat, number>>, obfuscated: string[] = []) {
  // Only these are asked when a format is chosen.
  const source = { offer: () => offers } as Partial<BulkSource> as BulkSource;
  const accept: BulkDestination['accept'] = ({ format, fields }) => {
    const cost = costs[format];
    if (cost === undefined) return null;
    const columns = fields.map(({ wireType }) => ({ type: wireType, conversion: null }));
    return { format, hashing: 'canonical', columns, cost, reason: `it takes ${format}` };
  };
  const destination = { accept } as Partial<BulkDestination> as BulkDestination;
  return chooseFormat({ source, destination }, SCHEMA, SCHEMA.fields, obfuscated);
}

describe('the format between two systems', () => {
  it('is the cheapest of the source’s own that the destination takes', () => {
    const chosen = choose([toOffer('csv'), toOffer('pgcopy-binary')], { csv: 3, 'pgcopy-binary': 1 });
    expect(chosen.madeOf).toBeNull();
    expect([chosen.offer.format, chosen.acceptance.format]).toEqual(['pgcopy-binary', 'pgcopy-binary']);
    expect(chosen.acceptance.reason).toBe('it takes pgcopy-binary');
  });

  it('is the source’s own also where another one would be cheaper to take', () => {
    const chosen = choose([toOffer('csv')], { csv: 3, 'pgcopy-binary': 1 });
    expect(chosen).toMatchObject({ madeOf: null, acceptance: { format: 'csv' } });
  });

  it.each([
    ['csv', 'pgcopy-binary'],
    ['pgcopy-binary', 'csv'],
  ] as const)('is made of columns where the source sends only %s and the destination takes only %s', (from, to) => {
    const chosen = choose([toOffer(from)], { [to]: 1 });
    expect(chosen).toMatchObject({ madeOf: 'columns', offer: { format: from }, acceptance: { format: to } });
    expect(chosen.offer.fields[0]?.wireType).toBe('timestamptz');
    expect(chosen.acceptance.columns).toEqual([{ type: 'timestamp with time zone', conversion: null }]);
    expect(chosen.acceptance.reason).toContain(`the source sends ${from}`);
  });

  it.each([
    ['a type whose bytes only PostgreSQL reads', { logicalType: { kind: 'bytes' }, wireType: 'interval' }],
    ['text that is padded', { logicalType: { kind: 'text' }, wireType: 'character(3)' }],
    ['a number of unknown scale', { logicalType: { kind: 'decimal', precision: 147_455, scale: 16_383 } }],
  ] as const)('is not made of columns of %s', (_, changes) => {
    expect(() => choose([toOffer('pgcopy-binary', changes)], { csv: 1 })).toThrow('No wire format suits both ends');
  });

  it('is made of rows where the source has no bytes', () => {
    const rows = (['pgcopy-binary', 'csv'] as const).map((format) => ({ ...toOffer(format), isMadeOfRows: true }));
    expect(choose(rows, { csv: 2 })).toMatchObject({ madeOf: 'rows', acceptance: { format: 'csv' } });
    const chosen = choose(rows, { csv: 3, 'pgcopy-binary': 1 });
    expect(chosen).toMatchObject({ madeOf: 'rows', acceptance: { format: 'pgcopy-binary' } });
    expect(chosen.acceptance.reason).toContain('the source gives rows');
  });

  it('says which fields become hashes, and declares them', () => {
    const chosen = choose([toOffer('csv')], { csv: 3 }, ['at']);
    expect(chosen.acceptance.reason).toBe('it takes csv; hashes are put in the place of at on the way');
    expect(chosen.offer.fields[0]?.conversion).toBe('at: keyed hash of its text');
  });

  it('gives the columns the types that the destination chose', () => {
    const chosen = choose([toOffer('csv')], { 'pgcopy-binary': 1 });
    const item = { schema: SCHEMA, names: new Map([['at', 'happened']]) };
    expect(toColumns(item, SCHEMA.fields, chosen)).toEqual([
      {
        field: 'at',
        name: 'happened',
        type: 'timestamp with time zone',
        logicalType: { kind: 'timestamptz' },
        isKey: false,
      },
    ]);
  });
});
