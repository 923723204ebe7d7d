import { expect, it } from 'vitest';
import { useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { happen, startSync } from '../../../tests/setup/executions.ts';
import { storeModel } from '../../../tests/setup/models.ts';

const fixture = useBulkFixture();
let made = 0;

async function make(url: string, body: object): Promise<string> {
  const answer = await fixture.send('POST', url, body);
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${answer.body.message}`);
  return answer.body.data.id;
}

function makeModel(): Promise<string> {
  const model = { connectionId: fixture.sourceId, name: `Model ${++made}`, fields: { id: 'number' } as const };
  return storeModel(fixture.api, model).then(({ id }) => id);
}

async function makeModelSync(): Promise<string> {
  const source = { model_id: await makeModel(), field: 'id' };
  return make('/api/syncs', {
    name: `Model sync ${++made}`,
    mode: 'updateOrCreate',
    target: { connection_id: fixture.destinationId, create: { schema: 'public', name: `target_${made}` } },
    identity: { source, target: 'id', function: 'Equality' },
    fields: [{ source, target: 'also_id' }],
    schedule: { frequency: 'manual' },
  });
}

/** A sync with an execution that began and ended, so that there is something in every list. */
async function makeExecution(syncId?: string): Promise<string> {
  const id = await startSync(fixture.api, syncId ?? (await fixture.createSync()));
  await happen(fixture.api, id, 'start');
  await happen(fixture.api, id, 'complete');
  return id;
}

async function list(url: string, token?: string): Promise<{ readonly ids: readonly string[]; readonly next?: string }> {
  const { body } = await fixture.send('GET', token === undefined ? url : `${url}&page_token=${token}`);
  const { next_page_token: next } = body.pagination;
  return { ids: body.data.map(({ id }: { id: string }) => id), ...(next === undefined ? {} : { next }) };
}

async function listRest(url: string, first: string | undefined): Promise<string[]> {
  const seen: string[] = [];
  let token = first;
  while (token !== undefined) {
    const { ids, next } = await list(url, token);
    seen.push(...ids);
    token = next;
  }
  return seen;
}

it.each<[what: string, url: string | null, makeOne: (syncId: string) => Promise<unknown>, remove: string | null]>([
  ['bulk syncs', '/api/bulk/syncs?limit=2', () => fixture.createSync(), '/api/bulk/syncs/'],
  ['models', '/api/models?limit=2', makeModel, '/api/models/'],
  ['model syncs', '/api/syncs?limit=2', makeModelSync, '/api/syncs/'],
  ['executions', null, makeExecution, null],
  ['events', '/api/events?limit=2', () => makeExecution(), null],
  ['changes', '/api/x/audit?limit=2', () => fixture.createSync(), null],
])('shows each of the %s once, though some come and the last one read goes between the pages', async (...row) => {
  const [, path, makeOne, remove] = row;
  const syncId = await fixture.createSync();
  const url = path ?? `/api/bulk/syncs/${syncId}/executions?limit=2`;
  for (let count = 0; count < 6; count += 1) await makeOne(syncId);
  const first = await list(url);
  const before = await listRest(url, first.next);
  expect(before.length).toBeGreaterThanOrEqual(4);
  for (let count = 0; count < 3; count += 1) await makeOne(syncId);
  if (remove !== null) expect((await fixture.send('DELETE', `${remove}${first.ids.at(-1)}`)).status).toBe(200);
  expect(await listRest(url, first.next)).toEqual(before);
});
