import type { TableName } from '../../connector-kit/index.ts';
import type { DriftEvent, SchemaDescription, SeenSchema } from '../../core/index.ts';
import type { Run } from '../../store/index.ts';

/** What is remembered of a source, beside its events. */
export interface SeenChanges {
  /** Ids that were not there when the sync ran last. */
  readonly appeared: readonly string[];
  /** Ids that are gone, and that the sync does not select. */
  readonly vanished: readonly string[];
}

/** Schemas that came or went since the sync ran last; nothing is new to a sync that never ran. */
export function findSchemaDrift(
  run: Run,
  seen: ReadonlyMap<string, SeenSchema | null>,
  discovered: ReadonlyMap<string, SchemaDescription>,
  facts: { readonly added: readonly string[]; readonly written: readonly TableName[] },
): { readonly events: readonly DriftEvent[]; readonly changes: SeenChanges } {
  const selected = new Set(run.schemas.map(({ schemaId }) => schemaId));
  // In one and the same database, what the sync has written itself is not new.
  const own = run.source.id === run.destination.id ? facts.written.map(({ schema, name }) => `${schema}.${name}`) : [];
  const appeared = [...discovered.keys()].filter((id) => !seen.has(id) && !own.includes(id));
  const gone = [...seen.keys()].filter((id) => !discovered.has(id));
  const isFirst = seen.size === 0;
  const added = appeared
    .filter((id) => !isFirst && (!selected.has(id) || facts.added.includes(id)))
    .map((id) => toEvent('schema_added', id, facts.added.includes(id) ? 'The sync takes it along.' : NOT_SELECTED));
  const dropped = gone.map((id) =>
    toEvent('schema_dropped', id, selected.has(id) ? 'It is not loaded; its table stays as it is.' : NOT_SELECTED),
  );
  return {
    events: [...added, ...dropped],
    changes: { appeared, vanished: gone.filter((id) => !selected.has(id)) },
  };
}

const NOT_SELECTED = 'Not part of the sync.';

function toEvent(kind: 'schema_added' | 'schema_dropped', schemaId: string, outcome: string): DriftEvent {
  const needsAttention = kind === 'schema_dropped' && outcome !== NOT_SELECTED;
  const [before, after] = kind === 'schema_added' ? [null, schemaId] : [schemaId, null];
  return { kind, schemaId, field: null, before, after, outcome, needsAttention };
}
