import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { LIMIT_MS, useDatabase, useServer } from '../setup/hooks.ts';
import { askServer } from '../setup/millrace.ts';
import { makeConnection, postgresConfiguration } from '../setup/syncs.ts';

const source = useDatabase();
const server = useServer();

async function rotate(): Promise<{ readonly code: number; readonly output: string }> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../../src/main.ts'), 'keys', 'rotate-master', '--json'],
    {
      env: { PATH: process.env.PATH, MILLRACE_HOME: server.home.folder, DATABASE_URL: server.metadata.url },
      timeout: LIMIT_MS,
    },
  );
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, output: output || errors };
}

it(
  'exchanges the master key between two starts, and not while a server runs',
  async () => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const postgresql = ['postgresql', postgresConfiguration(source.ownerUrl)] as const;
    const id = await makeConnection(server, postgresql, 'kept', signal);
    const file = join(server.home.folder, 'master.key');
    const before = readFileSync(file, 'utf8');
    expect(await rotate()).toMatchObject({ code: 1, output: expect.stringMatching(/server|Millrace/) });
    expect(readFileSync(file, 'utf8')).toBe(before);

    server.interrupt();
    await server.exited;
    const { code, output } = await rotate();
    expect([code, code === 0 ? JSON.parse(output) : output]).toEqual([
      0,
      { key_version: 2, resealed: 1, unreadable: 0, old_key_file: `${file}.old` },
    ]);
    await server.restart();
    expect(readFileSync(file, 'utf8')).not.toBe(before);
    await askServer(
      server,
      'POST',
      '/api/connections/test',
      { type: 'postgresql', configuration: {}, connection_id: id },
      signal,
    );
  },
  LIMIT_MS,
);
