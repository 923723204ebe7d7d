import { describe, expect, it } from 'vitest';
import { UNKNOWN_ID } from '../../../../tests/setup/bulk-fixture.ts';
import { useModelSyncs } from '../../../../tests/setup/model-syncs.ts';

const { bulk: fixture, customers, send, bodyOf, make, of } = useModelSyncs();

describe('older versions', () => {
  const V2024 = '2024-02-08';
  const V2023 = '2023-04-25';

  it('list every sync with everything', async () => {
    const sync = await make({ name: 'seen by all' });
    for (const version of [V2024, V2023]) {
      const { body } = await send('GET', '/api/syncs', undefined, version);
      expect(body).not.toHaveProperty('pagination');
      expect(body.data[0]).toEqual(sync);
    }
    const none = await send('GET', '/api/syncs?active=true&mode=remove', undefined, V2024);
    expect(none.body.data).toEqual([]);
  });

  it('tell of targets where they did then', async () => {
    const meta = `/api/connections/${fixture.destinationId}`;
    for (const [version, url] of [
      [V2024, `${meta}/modelsync/target`],
      [V2023, `${meta}/target`],
    ] as const) {
      const { body } = await send('GET', `${url}?type=object&search=EOPL`, undefined, version);
      expect(body.data).toEqual({
        configuration: {},
        items: {
          object: {
            has_items: true,
            items: [{ label: 'public.people', value: 'public.people' }],
            requires_one_of: null,
          },
        },
        requires_one_of: ['object'],
      });
      expect((await send('GET', `${url}?type=audience`, undefined, version)).status).toBe(422);
    }
    const url = `${meta}/target/fields`;
    const { body } = await send('POST', url, { target: 'public.people', refresh: true }, V2023);
    expect(body.data.fields[0]).toMatchObject({ id: 'id', required: true });
    expect(body.data.fields[0]).not.toHaveProperty('encryptable');
    expect((await send('POST', url, {}, V2023)).status).toBe(400);
  });

  it('change only what a PATCH of 2023 names', async () => {
    const sync = await make({
      filters: [{ field: of('plan'), function: 'Equality', value: 'team' }],
      overrides: [{ field: of('email'), function: 'IsNull', override: 'x' }],
      override_fields: [{ target: 'extra', override_value: '{}' }],
      active: true,
    });
    const url = `/api/syncs/${sync.id}`;
    const renamed = await send('PATCH', url, { name: 'Patched' }, V2023);
    expect([renamed.status, renamed.body.data.override_fields[0].source]).toEqual([
      200,
      { model_id: customers.id, field: '' },
    ]);
    const now = (await send('GET', url)).body.data;
    expect({ ...now, updated_at: '' }).toEqual({ ...sync, name: 'Patched', updated_at: '' });
    await send('PATCH', url, { filters: null, schedule: { frequency: 'hourly', minute: '5' } }, V2023);
    expect((await send('GET', url)).body.data).toMatchObject({
      name: 'Patched',
      active: true,
      filters: [],
      schedule: { frequency: 'hourly', minute: '5' },
    });
    expect((await send('PATCH', url, { fields: [] }, V2023)).status).toBe(422);
    expect((await send('PATCH', url, { colour: 1 }, V2023)).status).toBe(400);
    expect((await send('PUT', url, bodyOf(), V2023)).status).toBe(404);
  });

  it('have an object for a target that is still to be made', async () => {
    const target = { connection_id: fixture.destinationId, create: { schema: 'public', name: 'later' } };
    const sync = await make({ target });
    const url = `/api/syncs/${sync.id}`;
    const shown = (await send('GET', url, undefined, V2023)).body.data.target;
    expect(shown).toEqual({ connection_id: fixture.destinationId, object: 'public.later' });
    expect((await send('PATCH', url, { target: shown }, V2023)).status).toBe(200);
    expect((await send('GET', url)).body.data.target).toEqual(target);
    const elsewhere = { ...shown, object: 'public.nowhere' };
    expect((await send('PATCH', url, { target: elsewhere }, V2023)).status).toBe(422);
  });

  it('know no execution whose status could be set', async () => {
    const { id } = await make();
    const url = `/api/syncs/${id}/executions/${UNKNOWN_ID}`;
    expect((await send('PUT', url, { status: 'canceled' }, V2024)).status).toBe(404);
    expect((await send('PUT', url, { status: 'gone' }, V2024)).status).toBe(400);
    expect((await send('GET', `/api/syncs/${id}/executions`, undefined, V2023)).body).toEqual({ data: [] });
  });
});
