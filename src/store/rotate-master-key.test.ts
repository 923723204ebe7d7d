import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../../tests/setup/databases.ts';
import { openStore, type Store } from './database.ts';
import { type Rotation, rotateMasterKey, SEALED_COLUMNS } from './rotate-master-key.ts';

let database: TestDatabase;
let home: string;
let file: string;
const organizationId = randomUUID();
const connectionId = randomUUID();
const owner = { organizationId, connectionId };
const secret = { password: 'hunter2' };

beforeEach(async () => {
  database = await createTestDatabase();
  home = await mkdtemp(join(tmpdir(), 'millrace-keys-'));
  file = join(home, 'master.key');
});
afterEach(async () => {
  await database[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

const open = (environment: string | null = null): Promise<Store> =>
  openStore({ url: database.ownerUrl, masterKey: { environment, file }, maxConnections: 2 });

async function inStore<T>(work: (store: Store) => Promise<T>, environment: string | null = null): Promise<T> {
  const store = await open(environment);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** An organization with one connection, sealed as operations seal it. Answers a key of its obfuscation. */
const fill = (environment: string | null = null): Promise<string> =>
  inStore(async ({ db, secrets, obfuscationKeyOf }) => {
    await db.insertInto('organizations').values({ id: organizationId, name: 'One' }).execute();
    await db
      .insertInto('connections')
      .values({
        id: connectionId,
        organizationId,
        name: 'One',
        type: 'memory',
        configuration: '{}',
        secrets: secrets.seal(secret, owner),
        status: 'healthy',
        createdByType: 'system',
        updatedByType: 'system',
      })
      .execute();
    await db
      .insertInto('idempotencyKeys')
      .values({
        organizationId,
        key: 'a key of mine',
        fingerprint: randomBytes(32),
        attempt: randomUUID(),
        answer: secrets.seal({ body: 'kept' }, { organizationId, connectionId: 'idempotency key a key of mine' }),
        expiresAt: new Date('2100-01-01'),
      })
      .execute();
    return Buffer.from(obfuscationKeyOf(organizationId)).toString('hex');
  }, environment);

/** What a server finds that starts now. */
const read = (environment: string | null = null) =>
  inStore(async ({ db, secrets, obfuscationKeyOf }) => {
    const row = await db.selectFrom('connections').select('secrets').executeTakeFirstOrThrow();
    const kept = await db.selectFrom('idempotencyKeys').select('answer').executeTakeFirstOrThrow();
    const keyOwner = { organizationId, connectionId: 'idempotency key a key of mine' };
    return {
      version: row.secrets?.[1],
      secret: secrets.unseal(row.secrets ?? Buffer.alloc(0), owner),
      answer: secrets.unseal(kept.answer ?? Buffer.alloc(0), keyOwner),
      obfuscation: Buffer.from(obfuscationKeyOf(organizationId)).toString('hex'),
    };
  }, environment);

const rotate = (change: Partial<Parameters<typeof rotateMasterKey>[0]> = {}): Promise<Rotation> =>
  rotateMasterKey({
    url: database.ownerUrl,
    masterKey: { environment: null, file },
    newKey: null,
    isAlone: false,
    ...change,
  });

const dies = (at: string) => (name: string) => {
  if (name === at) throw new Error('killed');
};

describe('rotateMasterKey', () => {
  it('seals every secret under a new key, keeps obfuscation as it was, and the old key beside', async () => {
    const obfuscation = await fill();
    const before = await readFile(file, 'utf8');
    expect(await rotate()).toEqual({ keyVersion: 2, resealed: 2, unreadable: 0, oldKeyFile: `${file}.old` });
    expect(await read()).toEqual({ version: 2, secret, answer: { body: 'kept' }, obfuscation });
    expect(await readFile(file, 'utf8')).not.toBe(before);
    expect(await readFile(`${file}.old`, 'utf8')).toBe(before);
    expect(existsSync(`${file}.next`)).toBe(false);
  });

  it('can be done again, and obfuscation still stays as it was', async () => {
    const obfuscation = await fill();
    await rotate();
    expect(await rotate()).toMatchObject({ keyVersion: 3, resealed: 2 });
    expect(await read()).toEqual({ version: 3, secret, answer: { body: 'kept' }, obfuscation });
  });

  it('leaves everything as it was when it is killed before the commit', async () => {
    await fill();
    await expect(rotate({ failpoint: dies('before_commit') })).rejects.toThrow('killed');
    expect(await read()).toMatchObject({ version: 1, secret });
    await rotate();
    expect(await read()).toMatchObject({ version: 2, secret });
  });

  it('is finished by the next start when it is killed behind the commit', async () => {
    await fill();
    await expect(rotate({ failpoint: dies('after_commit') })).rejects.toThrow('killed');
    expect(existsSync(`${file}.next`)).toBe(true);
    expect(await read()).toMatchObject({ version: 2, secret });
    expect(existsSync(`${file}.next`)).toBe(false);
  });

  it('is finished by the next rotation, too', async () => {
    await fill();
    await expect(rotate({ failpoint: dies('after_commit') })).rejects.toThrow('killed');
    await rotate();
    expect(await read()).toMatchObject({ version: 3, secret });
  });

  it('does not open with the old key any more', async () => {
    await fill();
    const before = await readFile(file, 'utf8');
    await rotate();
    await writeFile(file, before);
    await expect(read()).rejects.toMatchObject({ code: 'MASTER_KEY_MISMATCH' });
  });

  it('takes a new key from the environment where the old one comes from there', async () => {
    const [old, fresh] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
    const obfuscation = await fill(old);
    const masterKey = { environment: old, file };
    await expect(rotate({ masterKey })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(rotate({ masterKey, newKey: old })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await rotate({ masterKey, newKey: fresh })).toMatchObject({ oldKeyFile: null });
    expect(await read(fresh)).toEqual({ version: 2, secret, answer: { body: 'kept' }, obfuscation });
    await expect(read(old)).rejects.toMatchObject({ code: 'MASTER_KEY_MISMATCH' });
  });

  it('counts what the old key did not open either, and leaves it', async () => {
    await fill();
    await queryDatabase(
      database.ownerUrl,
      'UPDATE connections SET secrets = set_byte(secrets, 40, 255 - get_byte(secrets, 40))',
    );
    expect(await rotate()).toMatchObject({ resealed: 1, unreadable: 1 });
  });

  it('is refused while a server runs, with a wrong key, and where no server ever ran', async () => {
    await expect(rotate()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await fill();
    await expect(rotate({ masterKey: { environment: randomBytes(32).toString('hex'), file } })).rejects.toMatchObject({
      code: 'MASTER_KEY_MISMATCH',
    });
    await inStore(({ db }) =>
      db.insertInto('workers').values({ id: randomUUID(), host: 'here', pid: 42, build: '0', lanes: 1 }).execute(),
    );
    await expect(rotate()).rejects.toMatchObject({ code: 'RESTORE_REFUSED', message: expect.stringContaining('42') });
    expect(await rotate({ isAlone: true })).toMatchObject({ resealed: 2 });
  });

  it('knows every column that is sealed', async () => {
    await fill();
    const rows = await queryDatabase(
      database.ownerUrl,
      `SELECT table_name || '.' || column_name FROM information_schema.columns
       WHERE table_schema = 'public' AND data_type = 'bytea' ORDER BY 1`,
    );
    // What is no secret of ours: hashes, salts, and what the row of the installation itself holds.
    const plain = ['api_keys.hash', 'idempotency_keys.fingerprint'];
    const found = rows
      .flat()
      .filter((name) => !plain.includes(String(name)) && !String(name).startsWith('installation.'));
    expect(found).toEqual(SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`).sort());
  });
});
