import type { BulkDestination, BulkSource, SnapshotRef, TableState } from '../../connector-kit/index.ts';
import { type Estimate, type LoadPreview, ownColumns } from '../../core/index.ts';
import { type SchemaPlan, toLoadPlan } from './schema-plan.ts';

/** What is asked about a load before it begins. */
export interface Foresight {
  readonly destination: BulkDestination;
  readonly ids: Parameters<typeof toLoadPlan>[1];
  /** What was seen of the table before the plan was made. */
  readonly state: TableState;
  /** True where somebody looks at the plan before it is carried out, and wants the figures, too. */
  readonly isAsked: boolean;
  readonly signal: AbortSignal;
}

/** What the load will do to its table. A table that stays as it is costs an execution no question. */
export async function previewLoad(plan: SchemaPlan, asked: Foresight): Promise<LoadPreview> {
  const { destination, ids, state, isAsked, signal } = asked;
  if (!isAsked && isUnchanged(plan, state)) return unchanged(plan);
  return destination.preview(toLoadPlan(plan, ids), state, signal);
}

function isUnchanged(plan: SchemaPlan, { exists, columns, ownColumns: own, keyColumns }: TableState): boolean {
  if (!exists || plan.kind === 'replace' || own === undefined) return false;
  const live = new Map(columns.map(({ name, type }) => [name, type]));
  const keys = plan.columns.filter(({ isKey }) => isKey);
  return (
    live.size === plan.columns.length &&
    plan.columns.every(({ name, type }) => live.get(name) === type) &&
    keys.every(({ name }) => keyColumns.includes(name)) &&
    sameNames(own, plannedOwnColumns(plan))
  );
}

function plannedOwnColumns(plan: SchemaPlan): readonly string[] {
  const [createdAt = '', updatedAt = '', deletedAt = ''] = ownColumns(plan.columnPrefix);
  return [...(plan.recordTimestamps ? [createdAt, updatedAt] : []), ...(plan.tombstones ? [deletedAt] : [])];
}

function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name) => other.includes(name));
}

function unchanged({ kind }: SchemaPlan): LoadPreview {
  return {
    replacement: null,
    changes: [],
    destroys: [],
    comparesLoss: kind === 'merge' ? 'keys' : 'nothing',
    liveRecords: null,
    refusals: [],
  };
}

/** How much the load will read. Of a part of a table the source is asked only where somebody looks at the plan. */
export async function estimateRead(
  plan: SchemaPlan,
  asked: Pick<Foresight, 'isAsked' | 'signal'> & { readonly source: BulkSource; readonly snapshot: SnapshotRef },
): Promise<Estimate> {
  const { schema, from, filters, fields } = plan;
  if (from === null && filters.length === 0) {
    const { estimatedRecords: records, estimatedBytes: bytes } = schema;
    const basis = records === null ? 'the source keeps no statistics of it' : 'the source’s statistics of the table';
    return { records, bytes, basis };
  }
  const request = { schema, fields, filters, from, snapshot: asked.snapshot };
  const estimate = asked.isAsked ? await asked.source.estimate?.(request, asked.signal) : null;
  return (
    estimate ?? { records: null, bytes: null, basis: 'the source was not asked for statistics of this part of it' }
  );
}
