import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { waitFor } from '../setup/millrace.ts';

const server = useServer(() => ({ MILLRACE_RETENTION_DAYS: '30', MILLRACE_RETENTION_EXECUTIONS: '1' }));
const scene = useSyncScene(
  server,
  'CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items SELECT generate_series(1, 10)',
);

async function inMetadata(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(server.metadata.url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('the history of a server', () => {
  it(
    'is removed with what the durable engine noted, and the next execution does not mind',
    async () => {
      const signal = AbortSignal.timeout(LIMIT_MS);
      const { id } = await scene.make(['public.items']);
      const first = (await scene.run(id)).execution.id;
      const second = (await scene.run(id)).execution.id;
      // Both are a year old, with their lanes; what the second left at the durable engine is of today.
      await inMetadata(
        `UPDATE executions SET created_at = created_at - interval '1 year', completed_at = completed_at - interval '1 year'`,
      );
      const year = 366 * 86_400_000;
      await inMetadata(`UPDATE dbos.workflow_status SET created_at = created_at - ${year}, completed_at = completed_at - ${year}
        WHERE workflow_uuid LIKE '${first}%'`);
      const before = await inMetadata(
        `SELECT workflow_uuid FROM dbos.workflow_status WHERE workflow_uuid LIKE '${first}%'`,
      );
      expect(before.length).toBeGreaterThan(1);
      server.interrupt();
      await server.exited;
      await server.restart();
      await waitFor(async () => ((await inMetadata('SELECT id FROM executions')).length === 1 ? true : null), signal);
      expect(await inMetadata('SELECT id FROM executions')).toEqual([{ id: second }]);
      for (const table of ['workflow_status', 'operation_outputs', 'workflow_input', 'workflow_output']) {
        const kept = await inMetadata(`SELECT DISTINCT left(workflow_uuid, 36) AS id FROM dbos.${table} ORDER BY 1`);
        expect([table, kept.map((row) => row.id)]).toEqual([table, [second]]);
      }
      expect((await scene.run(id)).execution.status).toBe('completed');
    },
    LIMIT_MS,
  );
});
