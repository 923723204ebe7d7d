import type { PlanBody, SchemaPlanBody } from '../../contract/index.ts';
import type { LoadDescription, PlanDescription, SchemaPlanDescription } from '../../core/index.ts';

/** A plan on the wire. */
export function toPlanBody(plan: PlanDescription): PlanBody {
  return {
    execution_id: plan.executionId,
    planned_at: plan.plannedAt,
    refusals: plan.refusals.map(({ code, message }) => ({ code, message })),
    lanes: plan.lanes,
    written_by: plan.writtenBy,
    added_schemas: [...plan.addedSchemas],
    schemas: plan.schemas.map(toSchemaBody),
    drift: plan.drift.map(({ kind, schemaId, field, before, after, outcome, needsAttention }) => ({
      kind,
      schema: schemaId,
      field,
      before,
      after,
      outcome,
      needs_attention: needsAttention,
    })),
  };
}

function toSchemaBody({ schemaId, outcome, reason, refusals, load }: SchemaPlanDescription): SchemaPlanBody {
  return {
    schema: schemaId,
    outcome,
    reason,
    refusals: refusals.map(({ code, message }) => ({ code, message })),
    load: load === null ? null : toLoadBody(load),
  };
}

function toLoadBody(load: LoadDescription): NonNullable<SchemaPlanBody['load']> {
  const { transfer, preview, lossGuard } = load;
  const { fields, fieldsLeftOut, casts, filters } = transfer.pushedDown;
  return {
    kind: load.kind,
    reason: load.kindReason,
    table: load.table,
    replacement: preview?.replacement ?? null,
    transfer: {
      format: transfer.format,
      path: transfer.path,
      reason: transfer.reason,
      transports: [...transfer.transports],
      pushed_down: { fields, fields_left_out: fieldsLeftOut, casts: [...casts], filters: [...filters] },
    },
    conversions: [...load.conversions],
    changes: [...(preview?.changes ?? [])],
    destructive_steps: [...load.destroys],
    estimate: load.estimate,
    live_records: preview?.liveRecords ?? null,
    loss_guard: { compares: lossGuard.compares, max_loss_percent: lossGuard.maxLossPercent, text: lossGuard.text },
    segments: { count: load.segments.count, ranges: [...load.segments.ranges] },
    receipt: load.proof,
    tracking: load.tracking,
  };
}
