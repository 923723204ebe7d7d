import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createClient } from '../../src/contract/index.ts';
import { readCliFile } from '../../src/runtime/index.ts';
import { queryDatabase } from '../setup/databases.ts';
import { LIMIT_MS, useDatabase, useServer } from '../setup/hooks.ts';
import { askServer } from '../setup/millrace.ts';
import { makeConnection, postgresConfiguration, untilEnded, untilFresh } from '../setup/syncs.ts';

const source = useDatabase();
const server = useServer();

it(
  'syncs from and to what another organization shares, with that one’s password and files',
  async () => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    await queryDatabase(
      source.ownerUrl,
      "CREATE TABLE people AS SELECT i AS id, 'person ' || i AS name FROM generate_series(1, 500) i; ALTER TABLE people ADD PRIMARY KEY (id)",
    );
    const { deploymentKey = '', organizationId = '' } = readCliFile(server.home.folder) ?? {};
    const installation = { url: server.url, apiKey: deploymentKey };
    const send = async (path: string, body: unknown) =>
      (await askServer(installation, 'POST', path, body, signal)).data;
    const child = await send('/api/organizations', { name: 'Child' });
    const user = await send(`/api/organizations/${child.id}/users`, { email: 'child@example.com', role: 'admin' });
    const { value: apiKey } = await send(`/api/organizations/${child.id}/users/${user.id}/keys`, { name: 'key' });

    const postgresql = ['postgresql', postgresConfiguration(source.ownerUrl)] as const;
    const share = async (connectionId: string) => {
      const path = `/api/organizations/${organizationId}/connections/${connectionId}/shared`;
      return (await send(path, { child_organization_id: child.id })).id;
    };
    const from = await share(await makeConnection(server, postgresql, 'their database', signal));
    const to = await share(await makeConnection(server, ['duckdb', { path: 'shared.duckdb' }], 'their file', signal));

    const there = { ...server, apiKey, client: createClient({ url: server.url, apiKey }) };
    await untilFresh(there, from, signal);
    await untilFresh(there, to, signal);
    const sync = await there.client.createBulkSync(
      {
        name: 'through shared connections',
        mode: 'replicate',
        source_connection_id: from,
        destination_connection_id: to,
        destination_configuration: { schema: 'landing' },
        default_schedule: { frequency: 'manual' },
        schemas: ['public.people'],
      },
      signal,
    );
    const { id } = await there.client.startBulkSync(sync.id, {}, signal);
    const { execution, receipt } = await untilEnded(there, sync.id, id, signal);
    expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
    expect(existsSync(join(server.filesFolder, 'shared.duckdb'))).toBe(true);
    expect(existsSync(join(server.filesFolder, '..', child.id))).toBe(false);
  },
  LIMIT_MS,
);
