import { describe, expect, it } from 'vitest';
import type { FieldDescription } from './fields.ts';
import { chooseFields, type FieldChoice, takesNewSchema } from './selection.ts';
import { AUTO_ADD_RULES } from './syncs.ts';

function field(id: string, given: Partial<FieldDescription> = {}): FieldDescription {
  return {
    id,
    name: id,
    type: 'string',
    remoteType: 'text',
    logicalType: { kind: 'text' },
    isNullable: true,
    isPrimaryKey: false,
    canTrack: false,
    ...given,
  };
}

const ALL: FieldChoice = { fields: null, autoFields: null, trackingField: null };
const computed = field('computed', { isGenerated: true });

function chosen(choice: FieldChoice, fields: readonly FieldDescription[], rule: Parameters<typeof chooseFields>[2]) {
  return [...chooseFields(choice, fields, rule).ids].sort();
}

describe('the fields of a schema', () => {
  it('are all of them at first, whatever the rule', () => {
    for (const rule of AUTO_ADD_RULES) expect(chosen(ALL, [field('a'), computed], rule)).toEqual(['a', 'computed']);
  });

  it.each([
    ['all', ['a', 'b', 'computed']],
    ['onlyIncremental', ['a', 'b']],
    ['onlyNonIncremental', ['a', 'computed']],
    ['none', ['a']],
  ] as const)('take later ones along by the rule %s; generated ones are never incremental', (rule, expected) => {
    const later: FieldChoice = { fields: null, autoFields: ['a'], trackingField: 'a' };
    expect(chosen(later, [field('a'), field('b'), computed], rule)).toEqual(expected);
  });

  it('are none of them incremental without a tracking field', () => {
    const later: FieldChoice = { fields: null, autoFields: ['a'], trackingField: null };
    expect(chosen(later, [field('a'), field('b')], 'onlyIncremental')).toEqual(['a']);
    expect(chosen(later, [field('a'), field('b')], 'onlyNonIncremental')).toEqual(['a', 'b']);
  });

  it('stay when the rule changes, and when they come back to the source', () => {
    const first = chooseFields(ALL, [field('a'), field('b')], 'all');
    const without = chooseFields({ ...ALL, autoFields: first.autoFields }, [field('a')], 'none');
    const again = chooseFields({ ...ALL, autoFields: without.autoFields }, [field('a'), field('b')], 'none');
    expect([...again.ids]).toEqual(['a', 'b']);
  });

  it('are those that were enabled, and new ones by the rule', () => {
    const fields = [
      { id: 'a', enabled: true },
      { id: 'b', enabled: false },
      { id: 'gone', enabled: true },
    ];
    const choice: FieldChoice = { fields, autoFields: null, trackingField: null };
    const present = [field('a'), field('b'), field('new')];
    expect(chosen(choice, present, 'none')).toEqual(['a']);
    expect(chosen(choice, present, 'all')).toEqual(['a', 'new']);
    expect(chooseFields(choice, present, 'none').missing).toEqual(['gone']);
    const { autoFields } = chooseFields(choice, present, 'all');
    expect(chosen({ ...choice, autoFields }, present, 'none')).toEqual(['a', 'new']);
  });
});

describe('a new schema', () => {
  const schema = (fields: readonly FieldDescription[]) => ({
    id: 'public.new',
    name: 'new',
    fields,
    primaryKey: [],
    estimatedRecords: null,
    estimatedBytes: null,
  });

  it('is incremental when one of its fields could track changes', () => {
    const tracked = schema([field('at', { canTrack: true })]);
    const untracked = schema([field('a')]);
    const taken = AUTO_ADD_RULES.map((rule) => [takesNewSchema(rule, tracked), takesNewSchema(rule, untracked)]);
    expect(taken).toEqual([
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ]);
  });
});
