import type { ConsoleLogBody, SyncStatusItemBody } from '../../contract/index.ts';
import type { ConsoleLogPage, SchemaStatusView, SyncStatus } from '../../operations/index.ts';
import { withoutNulls } from './without-nulls.ts';

/** One of many syncs on the wire. */
export function toSyncStatusItem({ syncId, status, nextStart, schemas }: SyncStatus): SyncStatusItemBody {
  return {
    sync_id: syncId,
    ...withoutNulls({ status }),
    nextExecutionTime: nextStart?.toISOString() ?? null,
    schemas: schemas.map(toSchemaItem),
  };
}

function toSchemaItem({ schemaId, last }: SchemaStatusView): SyncStatusItemBody['schemas'][number] {
  if (last === null) return { schema: schemaId, started_at: null, completed_at: null };
  return {
    schema: schemaId,
    execution_id: last.executionId,
    status: last.status,
    ...withoutNulls({ status_message: last.statusMessage }),
    record_count: last.completedAt === null ? last.progress : last.recordCount,
    error_count: last.errorCount,
    warning_count: last.warningCount,
    started_at: last.startedAt?.toISOString() ?? null,
    completed_at: last.completedAt?.toISOString() ?? null,
  };
}

/** Lines of a console log on the wire; their ids lead with the time, as clients of such streams expect. */
export function toConsoleLogBody({ lines, hasMore }: ConsoleLogPage): ConsoleLogBody {
  const entries = lines.map(({ no, level, message, payload, createdAt }) => ({
    id: `${createdAt.getTime()}-${no}`,
    level,
    message,
    payload: payload === null ? null : { ...payload },
    timestamp: createdAt.toISOString(),
  }));
  return { entries, next_cursor: hasMore ? (entries.at(-1)?.id ?? null) : null };
}

/** A line's number in its id; null for none. The query's schema has proved the form. */
export function toLineNumber(id: string | undefined): number | null {
  return id === undefined ? null : Number(id.slice(id.indexOf('-') + 1));
}
