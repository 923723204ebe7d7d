import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { SyncError } from '../../core/index.ts';
import {
  type Context,
  LOG_FILES,
  type LogFile,
  openLogFile,
  readConsole,
  readRejects,
  type Services,
} from '../../operations/index.ts';
import { toRejectBody } from '../views/executions.ts';
import { zip } from './zip.ts';

const paramsSchema = z.object({ syncId: z.guid(), executionId: z.guid(), file: z.enum(LOG_FILES) });
const querySchema = z.object({ organization: z.string(), expires: z.string(), signature: z.string() });

/** What signed links lead to; no key is asked for, since the link is one. */
export function registerDownloads(app: FastifyInstance, services: Services): void {
  const url = '/downloads/bulk/syncs/:syncId/executions/:executionId/:file';
  app.get(url, { schema: { hide: true } }, async (request, reply) => {
    const params = paramsSchema.safeParse(request.params);
    if (!params.success) throw new SyncError('NOT_FOUND', 'Nothing is there to download.');
    const query = querySchema.safeParse(request.query);
    if (!query.success) throw new SyncError('LINK_REFUSED', 'The link is not whole. Ask for a new one.');
    const { file, ...place } = params.data;
    const path = request.url.split('?')[0] ?? '';
    const context = await openLogFile(services, path, query.data, place);
    const name = file.replace('.', `-${place.executionId}.`);
    void reply.headers({
      'content-type': file === 'logs.zip' ? 'application/zip' : 'application/x-ndjson',
      'content-disposition': `attachment; filename="${name}"`,
      'cache-control': 'no-store',
    });
    return reply.send(Readable.from(contentOf(context, place.executionId, file)));
  });
}

function contentOf(context: Context, executionId: string, file: LogFile): AsyncIterable<string | Buffer> {
  if (file === 'console.ndjson') return consoleLines(context, executionId);
  if (file === 'rejects.ndjson') return rejectLines(context, executionId);
  return zip([
    { name: 'console.ndjson', content: consoleLines(context, executionId) },
    { name: 'rejects.ndjson', content: rejectLines(context, executionId) },
  ]);
}

async function* consoleLines(context: Context, executionId: string): AsyncGenerator<string> {
  for await (const { no, schemaId, level, message, payload, createdAt } of readConsole(context, executionId)) {
    const line = {
      id: `${createdAt.getTime()}-${no}`,
      timestamp: createdAt.toISOString(),
      level,
      schema: schemaId,
      message,
      payload,
    };
    yield `${JSON.stringify(line)}\n`;
  }
}

async function* rejectLines(context: Context, executionId: string): AsyncGenerator<string> {
  for await (const reject of readRejects(context, executionId)) yield `${JSON.stringify(toRejectBody(reject))}\n`;
}
