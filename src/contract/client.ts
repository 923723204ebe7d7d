import { z } from 'zod';
import { bulkSourceEnvelope } from './bulk-endpoints.ts';
import {
  type BulkSyncBody,
  type BulkSyncRequest,
  bulkSyncSchema,
  type SyncSettingsBody,
  syncSettingsSchema,
} from './bulk-syncs.ts';
import { envelope, pageEnvelope } from './common.ts';
import { configurationJsonSchema } from './connection-types.ts';
import {
  type ConnectionBody,
  type CreateConnectionRequest,
  connectionEnvelope,
  connectionSchema,
  type TestConnectionRequest,
} from './connections.ts';
import {
  cancelSchema,
  type ExecutionBody,
  executionSchema,
  type ProgressBody,
  progressSchema,
  type StartVerificationRequest,
  type StartWithOverridesRequest,
  type SyncStatusBody,
  syncStatusSchema,
} from './executions.ts';
import { type PlanBody, type PlanQuery, planSchema } from './plans.ts';
import { type ReceiptBody, type RejectBody, receiptSchema, rejectSchema } from './receipts.ts';
import { type SourceSchemaBody, schemaStatusSchema } from './schemas.ts';
import { type TimingBody, timingSchema } from './timing.ts';
import { ApiFailure, type ClientOptions, createTransport, pathOf, type Send } from './transport.ts';

/** Systems that syncs read and write. Every call may throw `ApiFailure`. */
export interface ConnectionCalls {
  listConnections(signal?: AbortSignal): Promise<ConnectionBody[]>;
  getConnection(id: string, signal?: AbortSignal): Promise<ConnectionBody>;
  /** Waits until the server has proved the configuration against the system. */
  createConnection(connection: CreateConnectionRequest, signal?: AbortSignal): Promise<ConnectionBody>;
  /** Status 422 while syncs use it. */
  deleteConnection(id: string, signal?: AbortSignal): Promise<void>;
  /** Throws with the system's own reason when the configuration does not work. */
  testConnection(test: TestConnectionRequest, signal?: AbortSignal): Promise<void>;
  /** JSON Schema of a type's configuration. */
  getConnectionTypeSchema(type: string, signal?: AbortSignal): Promise<Readonly<Record<string, unknown>>>;
  /** How fresh the server's knowledge of the connection's schemas is: `none`, `refreshing` or `fresh`. */
  getSchemasStatus(id: string, signal?: AbortSignal): Promise<{ readonly cache_status: string }>;
  /** What a bulk sync may read from the connection, without fields. */
  listSourceSchemas(id: string, signal?: AbortSignal): Promise<SourceSchemaBody[]>;
}

/** Bulk syncs and what they did. Every call may throw `ApiFailure`. */
export interface BulkSyncCalls {
  /** Every sync of the organization, through all pages. */
  listBulkSyncs(signal?: AbortSignal): Promise<BulkSyncBody[]>;
  getBulkSync(id: string, signal?: AbortSignal): Promise<BulkSyncBody>;
  createBulkSync(sync: BulkSyncRequest, signal?: AbortSignal): Promise<BulkSyncBody>;
  /** Cancels what runs and forgets the sync; destination tables stay. */
  deleteBulkSync(id: string, signal?: AbortSignal): Promise<void>;
  /** By the public start, or by Millrace's own where something is set aside. */
  startBulkSync(id: string, start: StartWithOverridesRequest, signal?: AbortSignal): Promise<ExecutionBody>;
  /** Compares source and destination and writes nothing; an execution like a start's. */
  verifyBulkSync(id: string, start: StartVerificationRequest, signal?: AbortSignal): Promise<ExecutionBody>;
  getBulkSyncStatus(id: string, signal?: AbortSignal): Promise<SyncStatusBody>;
  /** Asks for cancellation and does not wait for it. */
  cancelBulkSync(id: string, signal?: AbortSignal): Promise<string>;
  getExecution(id: string, executionId: string, signal?: AbortSignal): Promise<ExecutionBody>;
  getProgress(id: string, executionId: string, signal?: AbortSignal): Promise<ProgressBody>;
  /** Where the time went; until now, while it runs. */
  getTiming(id: string, executionId: string, signal?: AbortSignal): Promise<TimingBody>;
  /** What a start with these options would do now; nothing is done. */
  getPlan(id: string, start: PlanQuery, signal?: AbortSignal): Promise<PlanBody>;
  /** Status 404 while the execution is not planned. */
  getExecutionPlan(id: string, executionId: string, signal?: AbortSignal): Promise<PlanBody>;
  /** Status 404 until the execution's receipt is issued. */
  getReceipt(id: string, executionId: string, signal?: AbortSignal): Promise<ReceiptBody>;
  /** The same, or null while there is none: it is not issued yet, or the execution did not get that far. */
  findReceipt(id: string, executionId: string, signal?: AbortSignal): Promise<ReceiptBody | null>;
  /** The first rejected records, at most `limit` (1,000). */
  listRejects(id: string, executionId: string, limit: number, signal?: AbortSignal): Promise<RejectBody[]>;
  setSyncSettings(id: string, settings: Partial<SyncSettingsBody>, signal?: AbortSignal): Promise<SyncSettingsBody>;
}

/** The typed client of the public API and of Millrace's own part of it. */
export type Client = ConnectionCalls & BulkSyncCalls;

/** A client for one server and one key; it holds nothing open. */
export function createClient(options: ClientOptions): Client {
  const send = createTransport(options);
  return { ...connectionCalls(send), ...syncCalls(send), ...executionCalls(send) };
}

function connectionCalls(send: Send): ConnectionCalls {
  const at = (id: string) => pathOf`/api/connections/${id}`;
  return {
    listConnections: (signal) => getData(send, '/api/connections', z.array(connectionSchema), signal),
    getConnection: (id, signal) => getData(send, at(id), connectionSchema, signal),
    createConnection: async (body, signal) =>
      (await send({ method: 'POST', path: '/api/connections', body }, connectionEnvelope, signal)).data,
    deleteConnection: (id, signal) => send({ method: 'DELETE', path: at(id) }, null, signal),
    testConnection: (body, signal) => send({ method: 'POST', path: '/api/connections/test', body }, null, signal),
    getConnectionTypeSchema: (type, signal) =>
      send({ method: 'GET', path: pathOf`/api/connection_types/${type}` }, configurationJsonSchema, signal),
    listSourceSchemas: async (id, signal) =>
      (
        await send(
          { method: 'GET', path: `${at(id)}/bulksync/source`, query: { include_fields: false } },
          bulkSourceEnvelope,
          signal,
        )
      ).data.schemas,
    getSchemasStatus: (id, signal) => getData(send, `${at(id)}/schemas/status`, schemaStatusSchema, signal),
  };
}

type SyncCall = 'listBulkSyncs' | 'getBulkSync' | 'createBulkSync' | 'deleteBulkSync' | 'setSyncSettings';

function syncCalls(send: Send): Pick<BulkSyncCalls, SyncCall> {
  const answer = envelope(bulkSyncSchema);
  const settings = envelope(syncSettingsSchema);
  const at = (id: string) => pathOf`/api/bulk/syncs/${id}`;
  return {
    listBulkSyncs: (signal) => listAll(send, '/api/bulk/syncs', bulkSyncSchema, signal),
    getBulkSync: async (id, signal) => (await send({ method: 'GET', path: at(id) }, answer, signal)).data,
    createBulkSync: async (body, signal) =>
      (await send({ method: 'POST', path: '/api/bulk/syncs', body }, answer, signal)).data,
    deleteBulkSync: (id, signal) => send({ method: 'DELETE', path: at(id) }, null, signal),
    setSyncSettings: async (id, body, signal) =>
      (await send({ method: 'PUT', path: pathOf`/api/x/bulk/syncs/${id}/settings`, body }, settings, signal)).data,
  };
}

function executionCalls(send: Send): Omit<BulkSyncCalls, SyncCall> {
  const one = envelope(executionSchema);
  const at = (id: string, executionId: string) => pathOf`/api/x/bulk/syncs/${id}/executions/${executionId}`;
  const get = <T extends z.ZodType>(path: string, answer: T, signal?: AbortSignal) =>
    getData(send, path, answer, signal);
  return {
    startBulkSync: async (id, body, signal) => {
      const isOwn = body?.max_loss_percent != null;
      const path = isOwn ? pathOf`/api/x/bulk/syncs/${id}/executions` : pathOf`/api/bulk/syncs/${id}/executions`;
      return (await send({ method: 'POST', path, body: body ?? {} }, one, signal)).data;
    },
    verifyBulkSync: async (id, body, signal) =>
      (await send({ method: 'POST', path: pathOf`/api/x/bulk/syncs/${id}/verify`, body: body ?? {} }, one, signal))
        .data,
    getBulkSyncStatus: (id, signal) => get(pathOf`/api/bulk/syncs/${id}/status`, syncStatusSchema, signal),
    cancelBulkSync: async (id, signal) =>
      (await send({ method: 'POST', path: pathOf`/api/bulk/syncs/${id}/cancel` }, envelope(cancelSchema), signal)).data
        .message,
    getExecution: (id, executionId, signal) =>
      get(pathOf`/api/bulk/syncs/${id}/executions/${executionId}`, executionSchema, signal),
    getProgress: (id, executionId, signal) => get(`${at(id, executionId)}/progress`, progressSchema, signal),
    getTiming: (id, executionId, signal) => get(`${at(id, executionId)}/timing`, timingSchema, signal),
    getPlan: async (id, query, signal) =>
      (await send({ method: 'GET', path: pathOf`/api/x/bulk/syncs/${id}/plan`, query }, envelope(planSchema), signal))
        .data,
    getExecutionPlan: (id, executionId, signal) => get(`${at(id, executionId)}/plan`, planSchema, signal),
    getReceipt: (id, executionId, signal) => get(`${at(id, executionId)}/receipt`, receiptSchema, signal),
    findReceipt: (id, executionId, signal) =>
      get(`${at(id, executionId)}/receipt`, receiptSchema, signal).catch((error: unknown) => {
        if (error instanceof ApiFailure && error.status === 404) return null;
        throw error;
      }),
    listRejects: async (id, executionId, limit, signal) =>
      (
        await send(
          { method: 'GET', path: `${at(id, executionId)}/rejects`, query: { limit } },
          pageEnvelope(rejectSchema),
          signal,
        )
      ).data,
  };
}

async function getData<T extends z.ZodType>(
  send: Send,
  path: string,
  data: T,
  signal?: AbortSignal,
): Promise<z.infer<T>> {
  const answer: unknown = await send({ method: 'GET', path }, envelope(data), signal);
  // Parsed by that very schema; the compiler cannot see through an envelope of a type it does not know.
  return (answer as { data: z.infer<T> }).data;
}

async function listAll<T extends z.ZodType>(
  send: Send,
  path: string,
  item: T,
  signal?: AbortSignal,
): Promise<z.infer<T>[]> {
  const items: z.infer<T>[] = [];
  for (let page_token: string | undefined; ; ) {
    const page = await send({ method: 'GET', path, query: { page_token } }, pageEnvelope(item), signal);
    items.push(...page.data);
    page_token = page.pagination.next_page_token;
    if (page_token === undefined || page_token === '') return items;
  }
}
