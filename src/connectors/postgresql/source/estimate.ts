import type { EstimateRequest } from '../../../connector-kit/index.ts';
import type { Estimate } from '../../../core/index.ts';
import type { Session } from '../client.ts';
import { fromSchemaId } from '../schema-id.ts';
import { toSelect } from './read.ts';
import type { RangeValue } from './segments.ts';
import { isPlain } from './table.ts';

/** What PostgreSQL expects of the very SELECT that would be read; nothing is run. */
export async function estimateRead(
  session: Session,
  request: EstimateRequest,
  signal: AbortSignal,
): Promise<Estimate | null> {
  const only = await isPlain(session, fromSchemaId(request.schema.id), signal);
  const value: RangeValue = { kind: request.from === null ? 'whole' : 'changed', only };
  const select = toSelect({ ...request, range: { text: 'all that is read', value: { ...value } } });
  const [row] = await session.query(
    `Estimating a read of ${request.schema.id}`,
    `EXPLAIN (FORMAT JSON) ${select}`,
    [],
    signal,
  );
  const plan = readPlan(row?.['QUERY PLAN'] ?? '[]');
  if (plan === null) return null;
  const { records, width } = plan;
  return { records, bytes: records * width, basis: 'what PostgreSQL expects of the query, by its statistics' };
}

function readPlan(json: string): { readonly records: number; readonly width: number } | null {
  // PostgreSQL's own form, which has one plan for one statement.
  const [top] = JSON.parse(json) as readonly { readonly Plan?: Readonly<Record<string, unknown>> }[];
  const { 'Plan Rows': records, 'Plan Width': width } = top?.Plan ?? {};
  return typeof records === 'number' && typeof width === 'number' ? { records, width } : null;
}
