import { type ExecutionEvent, type Receipt, type SchemaReceipt, SyncError } from '../../src/core/index.ts';
import { recordExecutionEvent } from '../../src/store/index.ts';
import type { TestApi } from './api.ts';

/** Starts a sync over the API and answers the execution's id; nothing works on it. */
export async function startSync(api: TestApi, syncId: string): Promise<string> {
  const answer = await api.send({ method: 'POST', url: `/api/bulk/syncs/${syncId}/executions` });
  if (answer.statusCode !== 200) throw new Error(`The start was refused: ${answer.body}`);
  return answer.json().data.id;
}

/** Lets something happen to an execution, as the engine would record it. */
export async function happen(api: TestApi, id: string, event: ExecutionEvent, receipt?: Receipt): Promise<void> {
  await recordExecutionEvent(api.services.store, id, event, receipt === undefined ? {} : { receipt });
}

/** What a test says of one schema of an execution. */
export interface PlannedPart {
  readonly schemaId: string;
  readonly generation?: number;
  readonly estimatedRecords?: number;
}

/** Plans schemas of an execution, running since `startedAt`. */
export async function planSchemas(
  api: TestApi,
  executionId: string,
  parts: readonly PlannedPart[],
  startedAt: Date,
): Promise<void> {
  const { db } = api.services.store;
  await db
    .insertInto('executionSchemas')
    .values(
      parts.map((part, position) => ({
        executionId,
        organizationId: api.keys.organizationId,
        schemaId: part.schemaId,
        position,
        status: 'running' as const,
        outputName: part.schemaId.split('.')[1] ?? null,
        generation: part.generation ?? 1,
        estimatedRecords: part.estimatedRecords ?? null,
        startedAt,
      })),
    )
    .execute();
}

/** Adds one item of work, `no` 0 being the preparation. */
export async function addSegment(
  api: TestApi,
  executionId: string,
  segment: {
    readonly schemaId: string;
    readonly no: number;
    readonly kind?: 'prepare' | 'read' | 'finish';
    readonly state?: 'waiting' | 'owned' | 'done';
    readonly generation?: number;
    readonly records?: number;
    readonly bytes?: number;
    readonly workerId?: string;
    readonly token?: number;
  },
): Promise<void> {
  await api.services.store.db
    .insertInto('segments')
    .values({
      executionId,
      schemaId: segment.schemaId,
      generation: segment.generation ?? 1,
      no: segment.no,
      kind: segment.kind ?? 'read',
      state: segment.state ?? 'owned',
      progressRecords: segment.records ?? 0,
      progressBytes: segment.bytes ?? 0,
      workerId: segment.workerId ?? null,
      token: segment.token ?? 0,
    })
    .execute();
}

/** A receipt as the engine issues it. */
export function makeReceipt(executionId: string, syncId: string, schemas: readonly SchemaReceipt[]): Receipt {
  if (schemas.length === 0) throw new SyncError('INTERNAL', 'A receipt of nothing proves nothing.');
  return { executionId, syncId, issuedAt: '2025-01-01T00:00:00.000Z', depth: 'checksums', verdict: 'equal', schemas };
}

/** The receipt of one schema that was found equal. */
export function makeSchemaReceipt(schemaId: string): SchemaReceipt {
  const sum = { records: 100, sum: 'ab'.repeat(16) };
  return {
    schemaId,
    outputName: schemaId.split('.')[1] ?? schemaId,
    scope: 'snapshot',
    depth: 'checksums',
    load: 'replace',
    verdict: 'equal',
    notes: ['every record was hashed'],
    positions: [{ position: '0/16B3748', takenAt: '2025-01-01T00:00:00.000Z' }],
    hashing: 'native:pgcopy-binary',
    format: 'pgcopy-binary',
    source: sum,
    destination: sum,
    counts: { read: 100, written: 100, unchanged: 0, deleted: 0, rejected: 0 },
    conversions: [],
    differences: [],
  };
}
