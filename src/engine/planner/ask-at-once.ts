import type {
  BulkDestination,
  BulkSource,
  Capabilities,
  SegmentRange,
  SegmentRequest,
  SnapshotRef,
  TableName,
  TableState,
} from '../../connector-kit/index.ts';
import type { PlannedSchema } from '../../store/index.ts';
import { hideKey, type SchemaPlan } from './schema-plan.ts';

/** A plan without its segments yet. */
export type DraftedSchema = Omit<PlannedSchema, 'ranges' | 'isSmall'>;

/** What segments are planned with. */
export interface SegmentContext {
  readonly source: BulkSource;
  readonly snapshot: SnapshotRef;
  readonly destinationCapabilities: Pick<NonNullable<Capabilities['destination']>, 'segmentBytes'>;
  readonly signal: AbortSignal;
}

/** Tables of one question; thousands of answers at once would be long held in memory. */
const AT_ONCE = 500;

/** What the destination says of the schemas' tables, by schema id; empty where it is asked about one at a time. */
export async function inspectTables(
  destination: BulkDestination,
  schemas: readonly { readonly schemaId: string }[],
  tables: ReadonlyMap<string, TableName>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, TableState>> {
  const states = new Map<string, TableState>();
  if (destination.inspectAll === undefined) return states;
  const known = schemas.flatMap(({ schemaId }) => {
    const table = tables.get(schemaId);
    return table === undefined ? [] : [{ schemaId, table }];
  });
  for (const part of inParts(known)) {
    const found = await destination.inspectAll(
      part.map(({ table }) => table),
      signal,
    );
    for (const [index, state] of found.entries()) states.set(part[index]?.schemaId ?? '', state);
  }
  return states;
}

/** The ranges of schemas that need not be cut; others have to be asked about by themselves. */
export async function planSingleRanges(
  context: SegmentContext,
  drafts: readonly DraftedSchema[],
): Promise<ReadonlyMap<DraftedSchema, readonly SegmentRange[]>> {
  const { source, signal } = context;
  const ranges = new Map<DraftedSchema, readonly SegmentRange[]>();
  for (const part of source.planSingleSegments === undefined ? [] : inParts(drafts)) {
    const requests = part.map((draft) => toRequest(context, draft));
    const found = (await source.planSingleSegments?.(requests, signal)) ?? [];
    for (const [index, draft] of part.entries()) {
      const single = found[index] ?? null;
      if (single !== null) ranges.set(draft, single);
    }
  }
  return ranges;
}

/** The ranges of one schema. */
export function planRanges(context: SegmentContext, draft: DraftedSchema): Promise<readonly SegmentRange[]> {
  return context.source.planSegments(toRequest(context, draft), context.signal);
}

function toRequest({ snapshot, destinationCapabilities }: SegmentContext, draft: DraftedSchema): SegmentRequest {
  // Made by this build's planner.
  const plan = draft.plan as SchemaPlan;
  const { segmentBytes } = destinationCapabilities;
  return { schema: hideKey(plan), snapshot, segmentBytes, from: plan.from, filters: plan.filters };
}

function* inParts<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += AT_ONCE) yield items.slice(start, start + AT_ONCE);
}
