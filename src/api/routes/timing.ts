import { API_VERSIONS, envelope, executionParamsSchema, type TimingBody, timingSchema } from '../../contract/index.ts';
import { sumTimes, TIME_PARTS, type TimeParts } from '../../core/index.ts';
import { getTiming, type TimingView } from '../../operations/index.ts';
import { defineRoute } from '../route.ts';

/** Where time went; the same in every version. */
export const timingRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/x/bulk/syncs/:id/executions/:exec_id/timing',
    versions: API_VERSIONS,
    operationId: 'x.bulkSync.executions.getTiming',
    summary: 'Tell where the time of an execution went',
    params: executionParamsSchema,
    response: envelope(timingSchema),
    handle: async (context, { params }) => ({
      data: toTimingBody(await getTiming(context, params.id, params.exec_id)),
    }),
  }),
];

function toTimingBody({ executionId, bottleneck, waiting, planning, lanes, parts, schemas }: TimingView): TimingBody {
  return {
    execution_id: executionId,
    bottleneck,
    waiting_seconds: toSeconds(waiting),
    planning_seconds: toSeconds(planning),
    lanes,
    lane_seconds: toSeconds(sumTimes(parts)),
    parts: toPartsBody(parts),
    schemas: schemas.map((schema) => ({
      schema: schema.schemaId,
      lane_seconds: toSeconds(sumTimes(schema.parts)),
      parts: toPartsBody(schema.parts),
    })),
  };
}

function toPartsBody(parts: TimeParts): TimingBody['parts'] {
  // Every part is there.
  return Object.fromEntries(TIME_PARTS.map((part) => [part, toSeconds(parts[part] ?? 0)])) as TimingBody['parts'];
}

/** In whole microseconds: the clocks do not tell more. */
function toSeconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000_000;
}
