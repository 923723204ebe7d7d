import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase, createTestPool } from '../../../tests/setup/databases.ts';
import { migrate } from '../migrate.ts';

const MIGRATIONS = join(import.meta.dirname, '../migrations');

/** The migrations of the release before roles, in a folder of their own. */
async function copyOlder(): Promise<string> {
  const folder = join(await mkdtemp(join(tmpdir(), 'millrace-upgrade-')), 'migrations');
  onTestFinished(() => rm(join(folder, '..'), { recursive: true }));
  await mkdir(folder);
  for (const file of await readdir(MIGRATIONS)) if (file < '0015') await cp(join(MIGRATIONS, file), join(folder, file));
  return folder;
}

it('gives organizations of an older release their roles and policies, and users the roles that their word meant', async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database[Symbol.asyncDispose]());
  const pool = createTestPool(database.ownerUrl);
  onTestFinished(() => pool.end());
  await migrate(pool, await copyOlder());
  const organization = '00000000-0000-4000-8000-00000000000a';
  await pool.query('INSERT INTO organizations (id, name) VALUES ($1, $2)', [organization, 'Old']);
  await pool.query(
    `INSERT INTO users (id, organization_id, email, name, role)
     SELECT gen_random_uuid(), $1, r || '@localhost', r, r FROM unnest(ARRAY['admin', 'member']) r`,
    [organization],
  );
  await pool.query(
    `INSERT INTO policies (id, organization_id, name, system_kind) VALUES (gen_random_uuid(), $1, 'All connections', 'connection')`,
    [organization],
  );
  await migrate(pool, MIGRATIONS);

  const users = await pool.query(
    `SELECT u.email, array_agg(r.name) AS roles FROM users u JOIN roles r ON r.id = ANY (u.role_ids) GROUP BY 1 ORDER BY 1`,
  );
  expect(users.rows).toEqual([
    { email: 'admin@localhost', roles: ['Admin'] },
    { email: 'member@localhost', roles: ['Editor'] },
  ]);
  const grants = await pool.query(
    `SELECT p.system_kind AS kind, string_agg(r.name, ', ' ORDER BY r.system_key) AS roles
     FROM policies p, jsonb_array_elements(p.actions) a, jsonb_array_elements_text(a -> 'roleIds') i JOIN roles r ON r.id = i::uuid
     WHERE a ->> 'action' = 'edit' GROUP BY 1 ORDER BY 1`,
  );
  expect(grants.rows).toEqual([
    { kind: 'bulk_sync', roles: 'Admin, Editor, Sync Editor' },
    { kind: 'connection', roles: 'Admin, Editor' },
    { kind: 'model', roles: 'Admin, Editor' },
    { kind: 'sync', roles: 'Admin, Editor, Sync Editor' },
  ]);
});
