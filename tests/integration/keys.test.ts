import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome } from '../setup/millrace.ts';

const LIMIT_MS = 90_000;
const run = promisify(execFile);

let home: TestHome;
let server: MillraceProcess;

beforeAll(async () => {
  home = await createTestHome();
  server = await startMillrace(home);
}, LIMIT_MS);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
}, LIMIT_MS);

/** `millrace keys …` on the machine of the running server. */
async function keys(...args: readonly string[]) {
  const main = join(import.meta.dirname, '../../src/main.ts');
  const { stdout } = await run(process.execPath, [main, 'keys', ...args, '--home', home.folder, '--json'], {
    timeout: LIMIT_MS,
  });
  return JSON.parse(stdout);
}

async function get(path: string, key: string): Promise<number> {
  const answer = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  await answer.arrayBuffer();
  return answer.status;
}

it('makes, lists and revokes keys beside a running server', { timeout: LIMIT_MS }, async () => {
  const partner = await keys('create', '--kind', 'partner');
  const user = await keys('create', '--kind', 'user', '--user', 'admin@localhost');
  expect([await get('/api/organizations', partner.key), await get('/api/connections', user.key)]).toEqual([200, 200]);
  const listed = await keys('list');
  expect(listed).toContainEqual({
    id: user.id,
    kind: 'user',
    ends_with: user.key.slice(-4),
    organization_id: expect.any(String),
    organization_name: 'Default',
    user: 'admin@localhost',
    created_at: expect.any(String),
    revoked_at: null,
  });
  expect(JSON.stringify(listed)).not.toContain(partner.key);
  await keys('revoke', partner.id);
  expect(await get('/api/organizations', partner.key)).toBe(401);
  await expect(keys('revoke', 'nothing')).rejects.toThrow('There is no key');
});
