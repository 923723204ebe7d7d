import { describe, expect, it } from 'vitest';
import { useModelRequests } from '../../../../tests/setup/model-requests.ts';
import { runJob, takeNextJob } from '../../../operations/index.ts';

const { fixture, ask, modelBody, make } = useModelRequests();

/** Does the job that was asked for, and answers it as its author reads it. */
async function finish(job: { job_id: string; type: string }): Promise<ReturnType<typeof JSON.parse>> {
  const taken = await takeNextJob(fixture.api.services);
  if (taken !== undefined) await runJob(fixture.api.services, taken, new AbortController().signal);
  return (await ask(200, 'GET /api/jobs/{type}/{id}', `/api/jobs/${job.type}/${job.job_id}`)).data;
}

describe('asked for as a job', () => {
  it('makes, changes, reads, samples and previews a model', async () => {
    const created = await finish((await ask(200, 'POST /api/models', '/api/models?async=true', modelBody())).job);
    expect(created).toMatchObject({ status: 'done', result: { name: 'Customers', version: 1 } });
    const url = `/api/models/${created.result.id}`;
    const body = modelBody({ name: 'Later' });
    const updated = await finish((await ask(200, 'PUT /api/models/{id}', `${url}?async=true`, body)).job);
    expect(updated.result).toMatchObject({ name: 'Later', version: 2 });
    const read = (await ask(200, 'GET /api/models/{id}', `${url}?async=true`)).job;
    expect(read).toMatchObject({ status: 'done', result: { name: 'Later' } });
    const sampled = await finish((await ask(200, 'GET /api/models/{id}/sample', `${url}/sample?async=true`)).job);
    expect(sampled.result.records).toHaveLength(10);
    const preview = await ask(200, 'POST /api/model-preview', '/api/model-preview?async=true', modelBody());
    expect((await finish(preview.job)).result).toMatchObject([{ name: 'id' }, {}, {}, {}, {}]);
  });

  it('says why it could not', async () => {
    const asked = await ask(200, 'POST /api/models', '/api/models?async=true', modelBody({ fields: ['nothing'] }));
    expect(asked).not.toHaveProperty('data');
    expect(await finish(asked.job)).toMatchObject({ status: 'failed', error: expect.stringContaining('fields[0]') });
  });

  it('shows nothing of a model that is gone', async () => {
    const model = await make();
    const { job } = await ask(200, 'GET /api/models/{id}', `/api/models/${model.id}?async=true`);
    await ask(200, 'DELETE /api/models/{id}', `/api/models/${model.id}`);
    expect((await finish(job)).result).toBeNull();
  });
});

it('shows a few records, with null for what the source does not have', async () => {
  const additional = ['score', 'constructor'].map((name) => ({ name, label: name, type: 'number' }));
  const model = await make({ fields: ['id', 'plan'], additional_fields: additional });
  const { data } = await ask(200, 'GET /api/models/{id}/sample', `/api/models/${model.id}/sample`);
  expect(data.records).toHaveLength(10);
  expect(data.records[0]).toEqual({ [model.id]: { id: 1, plan: 'team', score: null, constructor: null } });
});

it('tells the fields of a model that it does not make', async () => {
  const before = (await ask(200, 'GET /api/models', '/api/models', undefined, '2024-02-08')).data.length;
  const body = modelBody({ configuration: { query: 'SELECT 1 AS one' } });
  const { data, job } = await ask(200, 'POST /api/model-preview', '/api/model-preview', body);
  expect(data.fields).toMatchObject([{ name: 'one', type: 'number' }]);
  expect(job).toMatchObject({ status: 'done', type: 'previewmodel', result: [{ name: 'one' }] });
  expect((await finish(job)).result).toEqual(job.result);
  await ask(422, 'POST /api/model-preview', '/api/model-preview', modelBody({ fields: ['nothing'] }));
  expect((await ask(200, 'GET /api/models', '/api/models', undefined, '2024-02-08')).data).toHaveLength(before);
});
