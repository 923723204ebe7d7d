import { describe, expect, it } from 'vitest';
import { UNKNOWN_ID } from '../../../../tests/setup/bulk-fixture.ts';
import { useModelSyncs } from '../../../../tests/setup/model-syncs.ts';
import { storeModel } from '../../../../tests/setup/models.ts';

const { bulk: fixture, send, bodyOf, make, of, mapped } = useModelSyncs();

describe('what a rule refuses, by the field', () => {
  const to = (changes: object) => ({
    target: { connection_id: fixture.destinationId, object: 'public.people', ...changes },
  });
  const create = (values: object) => to({ object: null, create: { schema: 'public', name: 'made', ...values } });
  const filtered = (filter: object, more: object = {}) => ({ filters: [filter], ...more });

  it.each<[field: string, () => Readonly<Record<string, unknown>>]>([
    ['organization_id', () => ({ organization_id: UNKNOWN_ID })],
    ['policies[0]', () => ({ policies: [UNKNOWN_ID] })],
    ['target.connection_id', () => to({ connection_id: UNKNOWN_ID })],
    ['mode', () => ({ mode: 'append' })],
    ['target', () => to({ object: null })],
    ['target', () => to({ create: { schema: 'public', name: 'made' } })],
    ['target.object', () => to({ object: 'public.nowhere' })],
    ['target.configuration.colour', () => to({ configuration: { colour: 'red' } })],
    ['target.create.colour', () => create({ colour: 'red' })],
    ['target.create.schema', () => create({ schema: 'nowhere' })],
    ['target.create.name', () => create({ name: '' })],
    ['target.create.name', () => create({ name: 'n'.repeat(64) })],
    ['target.filter_logic', () => to({ filter_logic: 'A' })],
    ['identity', () => ({ identity: null })],
    ['identity.target', () => ({ identity: { source: of('id'), target: 'nothing', function: 'Equality' } })],
    ['identity.target', () => ({ identity: { source: of('id'), target: 'extra', function: 'Equality' } })],
    ['identity.function', () => ({ identity: { source: of('id'), target: 'id', function: 'OneOf' } })],
    [
      'identity.new_field',
      () => ({ identity: { source: of('id'), target: 'x', function: 'Equality', new_field: true } }),
    ],
    ['identity.source.field', () => ({ identity: { source: of('nothing'), target: 'id', function: 'Equality' } })],
    [
      'fields[0].source.model_id',
      () => ({ fields: [{ source: { model_id: UNKNOWN_ID, field: 'id' }, target: 'email' }] }),
    ],
    ['fields[0].source.field', () => ({ fields: [mapped('nothing', 'email')] })],
    ['fields[0].source', () => ({ fields: [{ target: 'email' }] })],
    ['fields[0].target', () => ({ fields: [mapped('email', 'nothing')] })],
    ['fields[0].target', () => ({ fields: [mapped('id', 'doubled')] })],
    ['fields[0].target', () => ({ fields: [mapped('email', '')] })],
    ['fields[0].new', () => ({ fields: [{ ...mapped('email', 'email'), new: true }] })],
    ['fields[0].encryption_enabled', () => ({ fields: [{ ...mapped('email', 'email'), encryption_enabled: true }] })],
    ['fields[0].sync_mode', () => ({ fields: [{ ...mapped('email', 'email'), sync_mode: 'create' }] })],
    ['fields[0].sync_mode', () => ({ fields: [{ ...mapped('email', 'email'), sync_mode: 'sometimes' }] })],
    ['fields[1].target', () => ({ fields: [mapped('email', 'email'), mapped('plan', 'email')] })],
    ['fields', () => ({ fields: [mapped('plan', 'plan')] })],
    ['fields', () => ({ mode: 'replace', identity: null, fields: [{ target: 'email', override_value: 'x' }] })],
    ['override_fields[0].override_value', () => ({ override_fields: [{ target: 'extra' }] })],
    ['override_fields[0].target', () => ({ override_fields: [{ target: 'email', override_value: 'x' }] })],
    ['overrides[0].function', () => ({ overrides: [{ field: of('email'), override: 'x' }] })],
    ['overrides[0].override', () => ({ overrides: [{ field: of('email'), function: 'IsNull' }] })],
    ['overrides[0]', () => ({ overrides: [{ function: 'IsNull', override: 'x' }] })],
    ['overrides[0].field_id', () => ({ overrides: [{ field_id: 'nothing', function: 'IsNull', override: 'x' }] })],
    ['overrides[0]', () => ({ overrides: [{ field: of('email'), function: 'True', override: 'x' }] })],
    ['filters[0]', () => filtered({ function: 'IsNull' })],
    ['filters[0].field_id', () => filtered({ field_id: 'nothing', function: 'IsNull' })],
    ['filters[0].field.field', () => filtered({ field: of('nothing'), function: 'IsNull' })],
    ['filters[0]', () => filtered({ field: of('id'), function: 'Between', value: [5] })],
    ['filters[0]', () => filtered({ field: of('tags'), function: 'StringContains', value: 'x' })],
    [
      'filters[0].field_type',
      () => filtered({ field_type: 'Target', field_id: 'plan', function: 'IsNull' }, { mode: 'update' }),
    ],
    ['filter_logic', () => filtered({ field: of('id'), function: 'IsNull' }, { filter_logic: 'A AND' })],
    ['filter_logic', () => filtered({ field: of('id'), function: 'IsNull' }, { filter_logic: 'A OR B' })],
    ['filter_logic', () => ({ filter_logic: 'A' })],
    [
      'filter_logic',
      () => ({
        filters: [
          { field: of('id'), function: 'IsNull' },
          { field: of('id'), function: 'IsNotNull' },
        ],
        filter_logic: 'B',
      }),
    ],
    ['schedule.frequency', () => ({ schedule: {} })],
    ['schedule.frequency', () => ({ schedule: { frequency: 'multi' } })],
    ['schedule.frequency', () => ({ schedule: { frequency: 'dbtcloud', connection_id: UNKNOWN_ID, job_id: 1 } })],
    ['schedule.hour', () => ({ schedule: { frequency: 'daily', minute: '0' } })],
    ['schedule.minute', () => ({ schedule: { frequency: 'hourly', minute: '99' } })],
    [
      'schedule.month',
      () => ({ schedule: { frequency: 'weekly', day_of_week: '1', hour: '3', minute: '0', month: '5' } }),
    ],
    ['schedule.run_after_success_only', () => ({ schedule: { frequency: 'manual', run_after_success_only: true } })],
    ['schedule.run_after', () => ({ schedule: { frequency: 'runafter' } })],
    ['schedule.run_after', () => ({ schedule: { frequency: 'manual', run_after: { sync_ids: [UNKNOWN_ID] } } })],
    ['schedule', () => ({ schedule: { frequency: 'runafter', minute: '5', run_after: { sync_ids: [UNKNOWN_ID] } } })],
    [
      'schedule.run_after.sync_ids[0]',
      () => ({ schedule: { frequency: 'runafter', run_after: { sync_ids: [UNKNOWN_ID] } } }),
    ],
    [
      'schedule.run_after.bulk_sync_ids[0]',
      () => ({ schedule: { frequency: 'runafter', run_after: { bulk_sync_ids: [UNKNOWN_ID] } } }),
    ],
  ])('%s', async (field, changes) => {
    const { status, body } = await send('POST', '/api/syncs', bodyOf(changes()));
    expect([status, body.key, body.metadata.field]).toEqual([422, 'REQUEST_REFUSED', field]);
    expect(body.message).toContain(field);
  });

  it('fields of two models that nothing joins', async () => {
    const lonely = await storeModel(fixture.api, {
      connectionId: fixture.sourceId,
      name: 'Lonely',
      fields: { note: 'string' },
    });
    const fields = [mapped('email', 'email'), { source: { model_id: lonely.id, field: 'note' }, target: 'plan' }];
    const { status, body } = await send('POST', '/api/syncs', bodyOf({ fields }));
    expect([status, body.message]).toEqual([422, expect.stringContaining('"Lonely" are not joined')]);
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['name', { name: undefined }],
    ['name', { name: ' ' }],
    ['colour', { colour: 'red' }],
    ['mode', { mode: 'enrich' }],
    ['fields', { fields: undefined }],
    ['fields[0].target', { fields: [{ target: 5 }] }],
    ['target', { target: 'public.people' }],
    [
      'identity.function',
      { identity: { source: { model_id: UNKNOWN_ID, field: 'id' }, target: 'id', function: 'Hashed' } },
    ],
    ['filters[0].function', { filters: [{ field_id: 'x' }] }],
    ['schedule.job_id', { schedule: { frequency: 'dbtcloud', job_id: 'one' } }],
    ['policies[0]', { policies: ['x'] }],
  ])('a body that does not fit: %s', async (field, changes) => {
    const { status, body } = await send('POST', '/api/syncs', bodyOf(changes));
    expect([status, body.message]).toEqual([400, expect.stringContaining(`\`${field}\``)]);
  });
});

describe('syncs that wait for others', () => {
  const waitingFor = (...ids: string[]) => ({ schedule: { frequency: 'runafter', run_after: { sync_ids: ids } } });
  const put = (id: string, changes: object) => send('PUT', `/api/syncs/${id}`, bodyOf({ ...changes }));

  it('wait for model syncs and bulk syncs, in chains without end or circle', async () => {
    const bulk = await fixture.createSync();
    const first = await make({ name: 'first' });
    const run_after = { sync_ids: [first.id], bulk_sync_ids: [bulk] };
    const second = await make({
      name: 'second',
      schedule: { frequency: 'runafter', run_after, run_after_success_only: true },
    });
    expect(second.schedule).toEqual({ frequency: 'runafter', run_after, run_after_success_only: true });
    const third = await make({ name: 'third', ...waitingFor(second.id) });
    const circle = await put(first.id, waitingFor(third.id));
    expect([circle.status, circle.body.metadata.field]).toEqual([422, 'schedule.run_after.sync_ids']);
    expect(circle.body.message).toContain('"third" waits for "second" waits for it');
    const self = await put(first.id, waitingFor(first.id));
    expect([self.status, self.body.message]).toEqual([422, expect.stringContaining('cannot wait for itself')]);
    // Two that would close a circle together, at the same time.
    const [one, other] = [await make({ name: 'one' }), await make({ name: 'other' })];
    const answers = await Promise.all([put(one.id, waitingFor(other.id)), put(other.id, waitingFor(one.id))]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 422]);
    // Who is waited for may go.
    expect((await send('DELETE', `/api/syncs/${first.id}`)).status).toBe(200);
    expect((await send('GET', `/api/syncs/${second.id}`)).body.data.schedule.run_after.sync_ids).toEqual([first.id]);
  });
});
