import { describe, expect, it } from 'vitest';
import { UNKNOWN_ID } from '../../../../tests/setup/bulk-fixture.ts';
import { useModelSyncs } from '../../../../tests/setup/model-syncs.ts';

const { bulk: fixture, send, bodyOf, make } = useModelSyncs();

describe('targets', () => {
  it('may be tables of a DuckDB file, also before there is one', async () => {
    const { body } = await send('POST', '/api/connections', {
      name: 'file',
      type: 'duckdb',
      configuration: { path: 'targets.duckdb' },
    });
    const connection_id: string = body.data.id;
    const objects = await send('GET', `/api/connections/${connection_id}/modelsync/targetobjects`);
    expect([objects.body.data, objects.body.target_creation.supported]).toEqual([[], true]);
    const sync = await make({ target: { connection_id, create: { schema: 'main', name: 'people' } }, mode: 'append' });
    expect(sync.target.create).toEqual({ schema: 'main', name: 'people' });
  });

  it('must be of a connection that can be one', async () => {
    const { body } = await send('POST', '/api/connections', {
      name: 'folder',
      type: 'parquet',
      configuration: { path: 'folder' },
    });
    const connection_id: string = body.data.id;
    const refused = await send('POST', '/api/syncs', bodyOf({ target: { connection_id, object: 'x' } }));
    expect([refused.status, refused.body.metadata.field]).toEqual([422, 'target.connection_id']);
    const url = `/api/connections/${connection_id}/modelsync/target/fields?target=x`;
    expect([(await send('GET', url)).status, (await send('GET', url)).body.key]).toEqual([
      404,
      'FEATURE_NOT_SUPPORTED',
    ]);
  });

  it('have the columns of their table', async () => {
    const url = `/api/connections/${fixture.destinationId}/modelsync/target/fields`;
    const { status, body } = await send('GET', `${url}?target=public.people&refresh=true`);
    expect([status, body.data.id, body.data.properties.target_creator]).toEqual([200, 'public.people', true]);
    expect(body.data.fields.map((field: { id: string }) => field.id)).toEqual([
      'id',
      'email',
      'plan',
      'doubled',
      'extra',
    ]);
    expect(body.data.fields[1]).toEqual({
      id: 'email',
      name: 'email',
      type: 'string',
      source_type: 'text',
      required: true,
      createable: true,
      updateable: true,
      filterable: true,
      association: false,
      encryptable: false,
      supports_identity: true,
      identity_functions: [{ id: 'Equality', label: 'Equality' }],
    });
    expect(body.data.modes.map((mode: { mode: string }) => mode.mode)).toContain('updateOrCreate');
    expect((await send('GET', `${url}?target=public.nowhere`)).status).toBe(404);
    expect((await send('GET', url)).status).toBe(400);
    expect((await send('GET', `/api/connections/${UNKNOWN_ID}/modelsync/target/fields?target=x`)).status).toBe(404);
  });
});
