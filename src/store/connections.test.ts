import { expect, it } from 'vitest';
import { useBulkFixture } from '../../tests/setup/bulk-fixture.ts';

const fixture = useBulkFixture();

it('deletes a connection while a refresh of its schemas is being stored, and neither waits for the other', async () => {
  const id = await fixture.connect('to be deleted', fixture.source);
  const { store } = fixture.api.services;
  const deleted = await store.transaction(async ({ client }) => {
    const { rowCount } = await client.query('UPDATE schema_caches SET finished_at = now() WHERE connection_id = $1', [
      id,
    ]);
    expect(rowCount).toBe(1);
    const answer = fixture.send('DELETE', `/api/connections/${id}`);
    await untilBlocked();
    // As every record that refers to the connection does.
    await client.query('SELECT id FROM connections WHERE id = $1 FOR KEY SHARE', [id]);
    return { answer };
  });
  expect(await deleted.answer).toEqual({ status: 200, body: null });
});

/** Until the delete waits for a lock. */
async function untilBlocked(): Promise<void> {
  const blocked = `SELECT count(*)::int AS sessions FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const { rows } = await fixture.api.services.store.pool.query(blocked);
    if (rows[0].sessions > 0) return;
  }
  throw new Error('the delete waited for nothing');
}
