import {
  executionLogsEnvelope,
  executionParamsSchema,
  exportLogsQuerySchema,
  exportLogsSchema,
} from '../../contract/index.ts';
import { exportLogs, listLogFiles } from '../../operations/index.ts';
import { defineRoute } from '../route.ts';
import { since } from '../versions/range.ts';
import { toJobBody } from '../views/jobs.ts';

const VERSIONS = since('2024-02-08');

/** Log files of executions. */
export const executionLogRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id/executions/:exec_id/logs',
    versions: VERSIONS,
    operationId: 'bulkSync.executions.getLogs',
    summary: 'Get signed addresses of the log files of an execution',
    params: executionParamsSchema,
    response: executionLogsEnvelope,
    handle: async (context, { params }) => {
      const { urls, expiresAt } = await listLogFiles(context, { syncId: params.id, executionId: params.exec_id });
      return { data: { URLs: [...urls], Expires: expiresAt.toISOString() } };
    },
  }),
  defineRoute({
    method: 'POST',
    url: '/api/bulk/syncs/:id/executions/:exec_id/logs/export',
    versions: VERSIONS,
    operationId: 'bulkSync.executions.exportLogs',
    summary: 'Ask for an archive of the log files of an execution',
    params: executionParamsSchema,
    query: exportLogsQuerySchema,
    response: exportLogsSchema,
    handle: async (context, { params, query }) => {
      const place = { syncId: params.id, executionId: params.exec_id };
      return { job: toJobBody(await exportLogs(context, place, query.notify ?? false), undefined) };
    },
  }),
];
