import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { CliActions } from './command.ts';
import { runCli } from './main.ts';

async function run(args: readonly string[], actions: Partial<CliActions> = {}) {
  const output: string[] = [];
  const errors: string[] = [];
  const code = await runCli(
    args,
    {
      version: '1.2.3',
      serve: async () => 0,
      doctor: async () => 0,
      backup: async () => 0,
      restore: async () => 0,
      keys: async () => 0,
      rotateMaster: async () => 0,
      startPrivateServer: async () => {
        throw new Error('No test starts a server here.');
      },
      ...actions,
    },
    {
      input: new PassThrough(),
      output: { write: (text: string) => output.push(text) },
      errors: { write: (text: string) => errors.push(text) },
      environment: { MILLRACE_URL: 'http://127.0.0.1:1', MILLRACE_API_KEY: 'key' },
    },
  );
  return { code, output: output.join(''), errors: errors.join('') };
}

describe('runCli', () => {
  it('prints the version', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, output: '1.2.3\n', errors: '' });
  });

  it.each([[['--help']], [['syncs', 'start', '--help']]])('explains itself: %j', async (args) => {
    const { code, output } = await run(args);
    expect(code).toBe(0);
    expect(output).toContain('Usage: millrace');
  });

  it.each([
    [['nonsense'], 'nonsense'],
    [['syncs', 'start'], 'sync'],
    [['syncs', 'create'], '--file'],
    [['syncs', 'list', '--colour'], '--colour'],
    [['connections', 'test'], '-f'],
  ])('answers 2 to a wrong command and names what is wrong: %j', async (args, named) => {
    const { code, output, errors } = await run(args);
    expect(code).toBe(2);
    expect(output).toBe('');
    expect(errors).toContain(named);
  });

  it('answers 1 and one sentence when no server answers', async () => {
    const { code, output, errors } = await run(['syncs', 'list']);
    expect(code).toBe(1);
    expect(output).toBe('');
    expect(errors).toMatch(/^Nothing answers at http:\/\/127\.0\.0\.1:1 .*\n$/);
  });

  it('writes the failure as JSON when a program reads it', async () => {
    const { errors } = await run(['syncs', 'list', '--json']);
    expect(JSON.parse(errors)).toMatchObject({ status: null, key: 'unreachable' });
  });

  it('passes the options of serve through and answers with its exit code', async () => {
    const seen: unknown[] = [];
    const serve: CliActions['serve'] = async (overrides) => {
      seen.push(overrides);
      return 1;
    };
    const { code } = await run(['serve', '--port', '9000', '--home', '/tmp/x', '--host', '::1'], { serve });
    expect(code).toBe(1);
    expect(seen).toEqual([{ home: '/tmp/x', host: '::1', port: '9000' }]);
  });

  it('passes file and options of backup and restore through', async () => {
    const seen: unknown[] = [];
    const note = async (...args: unknown[]) => seen.push(args) - 1;
    expect(await run(['backup', 'a.backup', '--with-key', '--home', '/tmp/x'], { backup: note })).toMatchObject({
      code: 0,
    });
    expect(await run(['--json', 'restore', 'a.backup', '--replace'], { restore: note })).toMatchObject({ code: 1 });
    expect(await run(['restore'], { restore: note })).toMatchObject({ code: 2 });
    expect(seen).toEqual([
      [{ home: '/tmp/x' }, { file: 'a.backup', withKey: true, isJson: false }],
      [{}, { file: 'a.backup', replace: true, isJson: true }],
    ]);
  });

  it('passes what is asked of keys through', async () => {
    const seen: unknown[] = [];
    const keys: CliActions['keys'] = async (...args) => seen.push(args) - seen.length;
    const create = ['keys', 'create', '--kind'];
    for (const args of [
      [...create, 'user', '--user', 'a@b.c', '--home', '/tmp/x'],
      [...create, 'partner', '--organization', 'o'],
      ['keys', 'list', '--json'],
      ['keys', 'revoke', 'k'],
    ])
      expect(await run(args, { keys })).toMatchObject({ code: 0 });
    for (const args of [['user'], ['partner', '--user', 'a'], ['deployment', '--organization', 'o'], ['other']])
      expect(await run([...create, ...args], { keys })).toMatchObject({ code: 2 });
    const none = { organizationId: null, email: null };
    expect(seen).toEqual([
      [{ home: '/tmp/x' }, { command: 'create', kind: 'user', ...none, email: 'a@b.c', isJson: false }],
      [{}, { command: 'create', kind: 'partner', ...none, organizationId: 'o', isJson: false }],
      [{}, { command: 'list', isJson: true }],
      [{}, { command: 'revoke', id: 'k', isJson: false }],
    ]);
  });

  it('passes what is asked of the master key through', async () => {
    const seen: unknown[] = [];
    const rotateMaster: CliActions['rotateMaster'] = async (...args) => seen.push(args) - seen.length;
    for (const args of [['--home', '/tmp/x'], ['--json']])
      expect(await run(['keys', 'rotate-master', ...args], { rotateMaster })).toMatchObject({ code: 0 });
    expect(seen).toEqual([
      [{ home: '/tmp/x' }, { isJson: false }],
      [{}, { isJson: true }],
    ]);
  });

  it('tells doctor whether a program reads its answer', async () => {
    const seen: unknown[] = [];
    const doctor: CliActions['doctor'] = async (options) => {
      seen.push(options);
      return 0;
    };
    await run(['doctor', '--json'], { doctor });
    await run(['--json', 'doctor'], { doctor });
    expect(seen).toEqual([{ isJson: true }, { isJson: true }]);
  });
});
