import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BulkSyncRequest, StartBulkSyncRequest } from '../../src/contract/index.ts';
import { queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { useServer, useSyncScene } from '../setup/hooks.ts';

// The options that a destination acts on, in a DuckDB file.

const PEOPLE = 'public.people';

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text, changed_at timestamptz NOT NULL DEFAULT now());
  INSERT INTO people SELECT i, 'p' || i FROM generate_series(1, 10) i;
  CREATE TABLE notes (body text);
  INSERT INTO notes VALUES ('one'), ('two')`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);
const pathOfFile = () => `${scene.source.name}.duckdb`;
const inFile = (sql: string) => queryFile(join(server.filesFolder, pathOfFile()), sql);

const make = (schemas: NonNullable<BulkSyncRequest['schemas']>, options: Partial<BulkSyncRequest> = {}) =>
  scene.make(schemas, options, { destination: ['duckdb', { path: pathOfFile() }] });

/** Runs to a good end and answers the loads. */
async function run(syncId: string, start: NonNullable<StartBulkSyncRequest> = {}): Promise<readonly string[]> {
  const { execution, receipt } = await scene.run(syncId, start);
  expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
  return receipt?.schemas.map(({ load }) => load) ?? [];
}

describe('a DuckDB file as destination', () => {
  it('is not even made by a test', async () => {
    const sync = await make([PEOPLE]);
    const { execution, receipt } = await scene.run(sync.id, { test: true });
    expect([execution.status, receipt]).toEqual(['completed', null]);
    expect(existsSync(join(server.filesFolder, pathOfFile()))).toBe(false);
  });

  it('is named as its connection names it where it cannot be opened', async () => {
    const sync = await make([PEOPLE]);
    writeFileSync(join(server.filesFolder, pathOfFile()), 'no database');
    const { execution } = await scene.run(sync.id);
    expect([execution.status, execution.status_message]).toEqual(['failed', expect.stringContaining(pathOfFile())]);
    const log = await fetch(`${server.url}/api/bulk/syncs/${sync.id}/executions/${execution.id}/consolelog`, {
      headers: { authorization: `Bearer ${server.apiKey}` },
    });
    const text = await log.text();
    expect(text).toContain(pathOfFile());
    expect(`${JSON.stringify(execution)}${text}`).not.toContain(server.filesFolder);
  });

  it('names tables by prefix and mirrored schemas', async () => {
    const sync = await make([PEOPLE], {
      destination_configuration: { mirror_schemas: true, advanced: { table_prefix: 'Raw_' } },
    });
    await run(sync.id);
    expect(
      await inFile(
        `SELECT schema_name, table_name FROM duckdb_tables() WHERE schema_name NOT LIKE '\\_\\_%' ESCAPE '\\'`,
      ),
    ).toEqual([['public', 'Raw_people']]);
  });

  it.each(['refetch', 'resync', 'rebuild'] as const)('repairs by %s what was changed in it', async (mode) => {
    const sync = await make([{ id: PEOPLE, tracking_field: 'changed_at' }], {
      destination_configuration: { schema: 'landing' },
    });
    await run(sync.id);
    await inFile(`UPDATE landing.people SET name = 'altered' WHERE id = 3`);
    expect(await run(sync.id, { resync_mode: mode })).toEqual([mode === 'refetch' ? 'merge' : 'replace']);
    expect(await inFile(`SELECT name FROM landing.people WHERE id = 3`)).toEqual([['p3']]);
    expect(await run(sync.id)).toEqual(['delta']);
  });

  it('keeps views with truncate_existing when records without a key are replaced', async () => {
    const sync = await make(['public.notes'], {
      destination_configuration: { schema: 'landing', advanced: { truncate_existing: true } },
    });
    await run(sync.id);
    await inFile('CREATE VIEW landing.shouted AS SELECT upper(body) AS body FROM landing.notes');
    await scene.inSource(`INSERT INTO notes VALUES ('three')`);
    await run(sync.id);
    expect(await inFile('SELECT count(*)::int FROM landing.shouted')).toEqual([[3]]);
  });

  it('removes records with hard_deletes, those that were only marked before, too', async () => {
    const hard = { schema: 'landing', advanced: { hard_deletes: true } };
    const sync = await make([PEOPLE]);
    await run(sync.id);
    await scene.inSource('DELETE FROM people WHERE id <= 4');
    await run(sync.id);
    await scene.send('PUT', `/api/bulk/syncs/${sync.id}`, {
      name: sync.name,
      mode: sync.mode,
      source_connection_id: sync.source_connection_id,
      destination_connection_id: sync.destination_connection_id,
      destination_configuration: hard,
      default_schedule: { frequency: 'manual' },
    });
    await scene.inSource(`DELETE FROM people WHERE id <= 6; INSERT INTO people VALUES (1, 'back')`);
    expect(await run(sync.id)).toEqual(['merge']);
    expect(await inFile('SELECT id FROM landing.people ORDER BY id')).toEqual([[1], [7], [8], [9], [10]]);
  });

  it('takes no records that a declared key does not tell apart', async () => {
    const sync = await make(['public.notes'], { destination_configuration: { schema: 'landing' } });
    await scene.send('PUT', `/api/connections/${sync.source_connection_id}/schemas/public.notes/primary_keys`, {
      fields: [{ field_id: 'body', is_primary_key: true }],
    });
    await run(sync.id);
    await scene.inSource(`INSERT INTO notes VALUES ('two')`);
    const { execution } = await scene.run(sync.id);
    expect(execution.status_message).toContain('does not tell apart');
    expect(await inFile('SELECT count(*)::int FROM landing.notes')).toEqual([[2]]);
  });
});
