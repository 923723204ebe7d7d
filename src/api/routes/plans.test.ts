import { describe, expect, it } from 'vitest';
import { type BulkFixture, UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { startSync } from '../../../tests/setup/executions.ts';

const fixture = useBulkFixture();
const send: BulkFixture['send'] = (...request) => fixture.send(...request);

const plan = (syncId: string, query = '', version?: string) =>
  send('GET', `/api/x/bulk/syncs/${syncId}/plan${query}`, undefined, version);

const schemasOf = (answer: Awaited<ReturnType<typeof plan>>): string[] =>
  answer.body.data.schemas.map(({ schema }: { schema: string }) => schema).sort();

describe('the plan of a start', () => {
  it.each(['2025-09-18', '2024-02-08', '2023-04-25'])('is answered in version %s', async (version) => {
    const { status, body } = await plan(await fixture.createSync(), '', version);
    expect(status).toBe(200);
    expect(body.data).toMatchObject({ execution_id: null, refusals: [] });
  });

  it('takes the options of a start, schemas once or several times', async () => {
    const id = await fixture.createSync();
    expect(schemasOf(await plan(id, '?schemas=public.notes'))).toEqual(['public.notes']);
    const several = await plan(
      id,
      '?schemas=public.notes&schemas=public.orders&max_loss_percent=7&resync_mode=rebuild',
    );
    expect(schemasOf(several)).toEqual(['public.notes', 'public.orders']);
    expect(several.body.data.schemas[0].load.loss_guard.max_loss_percent).toBe(7);
  });

  it.each([
    ['resync_mode', '?resync_mode=all'],
    ['fetch_mode', '?fetch_mode=some'],
    ['max_loss_percent', '?max_loss_percent=much'],
    ['max_loss_percent', '?max_loss_percent='],
    ['max_loss_percent', '?max_loss_percent=0x10'],
    ['schema', '?schema=public.notes'],
    ['resync-mode', '?resync-mode=rebuild'],
  ])('names %s when it refuses %s with 400', async (field, query) => {
    const { status, body } = await plan(await fixture.createSync(), query);
    expect(status).toBe(400);
    expect(body.metadata.fields.map((one: { field: string }) => one.field)).toEqual([field]);
  });

  it('says that the sync runs, and starts nothing itself', async () => {
    const id = await fixture.createSync();
    const running = await startSync(fixture.api, id);
    const before = fixture.api.enqueued.length;
    const { status, body } = await plan(id);
    expect(status).toBe(200);
    expect(body.data.refusals).toEqual([
      { code: 'EXECUTION_RUNNING', message: expect.stringContaining(`execution ${running}`) },
    ]);
    expect(body.data.schemas).not.toEqual([]);
    expect(fixture.api.enqueued.length).toBe(before);
  });

  it('says what the sync as a whole cannot be started with', async () => {
    const id = await fixture.createSync();
    const { body } = await plan(id, '?schemas=public.gone&resync_mode=refetch&fetch_mode=incremental');
    expect(body.data.refusals.map(({ code }: { code: string }) => code)).toEqual(['REQUEST_REFUSED']);
  });

  it('is 404 for what is unknown', async () => {
    expect((await plan(UNKNOWN_ID)).status).toBe(404);
  });
});

describe('the plan of an execution', () => {
  it('is 404 while it is not planned, and says so', async () => {
    const id = await fixture.createSync();
    const execution = await startSync(fixture.api, id);
    const { status, body } = await send('GET', `/api/x/bulk/syncs/${id}/executions/${execution}/plan`);
    expect([status, body.key]).toEqual([404, 'NOT_FOUND']);
    expect(body.message).toContain('no plan');
  });
});
