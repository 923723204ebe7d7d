import type { RangeSum } from '../../core/index.ts';
import type { TableImage } from '../destination.ts';
import type { LoadPlan } from '../load.ts';
import type { ReadRequest, SegmentRange } from '../source.ts';
import { digest, inRange } from './digest.ts';
import { type Exporter, exportCsv } from './reading/export-csv.ts';

/** What an image reads: everything behind FROM, as the records `r`, in which the plan's columns have the plan's types. */
export interface ImageSource {
  readonly from: string;
  /** SQL conditions that all must hold. */
  readonly where: readonly string[];
  readonly notes: readonly string[];
}

/** An image of what DuckDB reads; whoever makes it sees to it that nobody changes it. */
export function createTableImage(exporter: Exporter, plan: LoadPlan, { from, where, notes }: ImageSource): TableImage {
  const conditionsOf = (range: SegmentRange | null) => [
    ...where,
    ...(range?.key === undefined ? [] : inRange(plan, range)),
  ];
  return {
    notes,
    digest(range, countsOnly, signal): Promise<RangeSum> {
      const query = `${from} WHERE ${['true', ...conditionsOf(range)].join(' AND ')}`;
      return exporter.exclusive(
        `Hashing ${plan.schemaId} in`,
        (session) => digest(session, plan, query, countsOnly),
        signal,
      );
    },
    read: (range, signal) => exportCsv(exporter, toRequest(plan), { from, where: conditionsOf(range) }, signal),
    async [Symbol.asyncDispose]() {},
  };
}

/** The destination's columns, read as a source reads its own. */
function toRequest(plan: LoadPlan): ReadRequest {
  return {
    schema: {
      id: plan.schemaId,
      name: plan.table.name,
      primaryKey: [],
      fields: plan.columns.map(({ name, type, logicalType }) => ({
        id: name,
        name,
        type: 'string',
        remoteType: type,
        logicalType,
        isNullable: true,
        isPrimaryKey: false,
        canTrack: false,
      })),
      estimatedRecords: null,
      estimatedBytes: null,
    },
    format: plan.format,
    fields: plan.columns.map(({ name, type, logicalType }) => ({
      id: name,
      logicalType,
      wireType: type,
      conversion: null,
      isNullable: true,
    })),
    range: { text: 'whole table', value: {} },
    snapshot: {
      token: '',
      position: { position: null, takenAt: '' },
      lowerBound: { value: '', isExact: false, reason: '' },
    },
    from: null,
    filters: [],
  };
}
