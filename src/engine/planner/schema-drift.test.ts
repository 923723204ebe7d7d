import { describe, expect, it } from 'vitest';
import type { SchemaDescription } from '../../core/index.ts';
import type { Run } from '../../store/index.ts';
import { findSchemaDrift } from './schema-drift.ts';

function discover(...ids: readonly string[]): ReadonlyMap<string, SchemaDescription> {
  return new Map(
    ids.map((id) => [id, { id, name: id, fields: [], primaryKey: [], estimatedRecords: null, estimatedBytes: null }]),
  );
}

/** The parts of a run that are looked at. */
function runOf(selected: readonly string[], destination = 'elsewhere'): Run {
  const schemas = selected.map((schemaId) => ({ schemaId }));
  // Only ids are read.
  return { schemas, source: { id: 'here' }, destination: { id: destination } } as unknown as Run;
}

const NOTHING = { added: [], written: [] };
const kinds = (found: ReturnType<typeof findSchemaDrift>) => found.events.map(({ kind, schemaId }) => [kind, schemaId]);

describe('findSchemaDrift', () => {
  it('calls nothing new when the sync runs first, and remembers all', () => {
    const found = findSchemaDrift(runOf(['a']), new Map(), discover('a', 'b'), NOTHING);
    expect([kinds(found), found.changes]).toEqual([[], { appeared: ['a', 'b'], vanished: [] }]);
  });

  it('does not call new what the sync writes into its own source', () => {
    const seen = new Map([['public.a', null]]);
    const facts = { added: [], written: [{ schema: 'public', name: 'copy' }] };
    const discovered = discover('public.a', 'public.copy', 'public.other');
    expect(kinds(findSchemaDrift(runOf(['public.a'], 'here'), seen, discovered, facts))).toEqual([
      ['schema_added', 'public.other'],
    ]);
    expect(kinds(findSchemaDrift(runOf(['public.a']), seen, discovered, facts))).toHaveLength(2);
  });

  it('does not call new what the user has just selected', () => {
    expect(kinds(findSchemaDrift(runOf(['a', 'b']), new Map([['a', null]]), discover('a', 'b'), NOTHING))).toEqual([]);
  });

  it('forgets what is gone, unless the sync selects it', () => {
    const seen = new Map([
      ['a', null],
      ['b', null],
    ]);
    const found = findSchemaDrift(runOf(['a']), seen, discover(), NOTHING);
    expect(kinds(found)).toEqual([
      ['schema_dropped', 'a'],
      ['schema_dropped', 'b'],
    ]);
    expect(found.changes).toEqual({ appeared: [], vanished: ['b'] });
  });
});
