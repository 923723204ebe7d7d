// biome-ignore-all lint/suspicious/noTemplateCurlyInString: definition files use this notation
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/index.ts';
import { type SchemaRefresher, startSchemaRefresher } from '../../src/scheduler/index.ts';
import { startTestApi, type TestApi } from '../setup/api.ts';
import { happen, makeReceipt, makeSchemaReceipt } from '../setup/executions.ts';
import { createMemorySystem } from '../setup/memory-connector.ts';
import { waitFor } from '../setup/millrace.ts';

const PEOPLE = {
  id: 'public.people',
  name: 'people',
  primaryKey: ['id'],
  estimatedRecords: 3,
  estimatedBytes: 100,
  fields: [
    {
      id: 'id',
      name: 'id',
      type: 'number',
      remoteType: 'bigint',
      logicalType: { kind: 'integer', bits: 64 },
      isNullable: false,
      isPrimaryKey: true,
      canTrack: true,
    },
  ],
} as const;

let api: TestApi;
let refresher: SchemaRefresher;
let url: string;
const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'));

beforeAll(async () => {
  api = await startTestApi({ connectors: [createMemorySystem([PEOPLE]).definition] });
  refresher = startSchemaRefresher(api.services, { log: { warn: () => {} }, pollMs: 20 });
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
});

afterAll(async () => {
  await refresher.stop();
  await api[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

interface Ran {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs one command line against the real API; `typed` comes from a person at a terminal, `piped` does not. */
async function millrace(
  args: string[],
  {
    piped = '',
    typed,
    environment = {},
  }: { piped?: string; typed?: string; environment?: Record<string, string> } = {},
): Promise<Ran> {
  const output: string[] = [];
  const errors: string[] = [];
  const input = new PassThrough();
  const setRawMode = (isOn: boolean) => {
    if (isOn) input.write(typed);
    // The real one answers with itself; nobody reads that.
    return input as never;
  };
  if (typed === undefined) input.end(piped);
  const code = await runCli(
    args,
    {
      version: '0',
      serve: async () => 0,
      doctor: async () => 0,
      backup: async () => 0,
      restore: async () => 0,
      keys: async () => 0,
      rotateMaster: async () => 0,
      startPrivateServer: () => Promise.reject(new Error('No test starts a server here.')),
    },
    {
      input: typed === undefined ? input : Object.assign(input, { isTTY: true, setRawMode }),
      output: { write: (text: string) => output.push(text) },
      errors: { write: (text: string) => errors.push(text) },
      environment: { MILLRACE_URL: url, MILLRACE_API_KEY: api.keys.userKey, ...environment },
    },
  );
  return { code, output: output.join(''), errors: errors.join('') };
}

/** The execution of that type that runs for the sync of that name. */
function waitForExecution(type: string, name: string) {
  return waitFor(async () => {
    const rows = await api.services.store.db
      .selectFrom('executions')
      .innerJoin('bulkSyncs', 'bulkSyncs.id', 'executions.syncId')
      .select(['executions.id', 'executions.syncId', 'executions.overrides'])
      .where('bulkSyncs.name', '=', name)
      .where('executions.type', '=', type)
      .execute();
    return rows[0] ?? null;
  }, AbortSignal.timeout(20_000));
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const connectionFile = (name: string, password: string) =>
  file(`${name}.yaml`, `name: ${name}\ntype: memory\nconfiguration:\n  hostname: here\n${password}`);

describe('connections', () => {
  it('are made with a password from the environment, from standard input, or typed', async () => {
    const fromEnvironment = connectionFile('first', '  password: ${PW}');
    const made = await millrace(['connections', 'create', '-f', fromEnvironment], { environment: { PW: 'right' } });
    expect(made).toMatchObject({ code: 0, errors: '' });
    expect(made.output).toContain('"first" (memory, healthy)');

    const without = connectionFile('second', '');
    const piped = await millrace(['connections', 'create', '-f', without, '--secret-stdin', 'password'], {
      piped: 'right\n',
    });
    expect(piped.code).toBe(0);

    const asked = await millrace(['connections', 'create', '-f', connectionFile('third', '')], { typed: 'right\r' });
    expect(asked.code).toBe(0);
    expect(asked.errors).toBe('password of "third": \n');
  });

  it('are listed, as a table and as JSON, without secrets', async () => {
    const { output } = await millrace(['connections', 'list']);
    expect(output.split('\n')[0]).toMatch(/^name +type +status +id$/);
    const json = await millrace(['connections', 'list', '--json']);
    expect(JSON.parse(json.output)).toHaveLength(3);
    expect(output + json.output).not.toContain('right');
  });

  it('are tested, stored or from a file, and say why they do not work', async () => {
    expect(await millrace(['connections', 'test', 'first'])).toMatchObject({ code: 0, errors: '' });
    const wrong = connectionFile('wrong', '  password: guess');
    const tested = await millrace(['connections', 'test', '-f', wrong]);
    expect(tested).toMatchObject({ code: 1, output: '', errors: 'The password was refused.\n' });
    const created = await millrace(['connections', 'create', '-f', wrong]);
    expect(created.code).toBe(1);
    expect((await millrace(['connections', 'list'])).output).not.toContain('wrong');
  });

  it('leave the naming of a missing field to the server where nobody can be asked', async () => {
    const { code, errors } = await millrace(['connections', 'create', '-f', connectionFile('fourth', '')]);
    expect(code).toBe(1);
    expect(errors).toContain('password');
  });
});

describe('syncs', () => {
  const definition = (name: string, more = '') =>
    file(
      'sync.yaml',
      `name: ${name}\nmode: replicate\nsource_connection_id: first\ndestination_connection_id: second\n` +
        `destination_configuration: {schema: out}\ndefault_schedule: {frequency: manual}\n${more}`,
    );

  it('are made with connections by name, listed, started, shown and cancelled by name', async () => {
    const made = await millrace(['syncs', 'create', '-f', definition('people')]);
    expect(made).toMatchObject({ code: 0, errors: '' });
    expect((await millrace(['syncs', 'list'])).output).toContain('people');
    expect((await millrace(['syncs', 'status', 'people'])).output).toContain('has not run yet');

    const started = await millrace(['syncs', 'start', 'people', '--json']);
    expect(JSON.parse(started.output)).toMatchObject({ status: expect.any(String), type: 'manual' });
    expect((await millrace(['syncs', 'status', 'people'])).output).toContain(JSON.parse(started.output).id);

    const again = await millrace(['syncs', 'start', 'people']);
    expect(again.code).toBe(1);
    expect(again.errors.trim().split('\n')).toHaveLength(1);

    expect((await millrace(['syncs', 'cancel', 'people'])).code).toBe(0);
  });

  it('are started for some schemas, in a mode, or as a test', async () => {
    const text = definition('options');
    writeFileSync(text, readFileSync(text, 'utf8').replace('out}', 'options}'));
    expect(await millrace(['syncs', 'create', '-f', text])).toMatchObject({ code: 0, errors: '' });
    const options = ['--schema', 'public.people', '--fetch-mode', 'full', '--test', '--json'];
    const { output } = await millrace(['syncs', 'start', 'options', ...options]);
    expect(JSON.parse(output)).toMatchObject({ is_partial: true, fetch_mode: 'full', is_test: true });
    const refused = await millrace(['syncs', 'start', 'options', '--resync-mode', 'again']);
    expect(refused).toMatchObject({ code: 1, errors: expect.stringContaining('resync_mode') });
  });

  it.each([
    ['equal', 'complete', 0],
    ['different', 'fail', 1],
  ] as const)('are verified, with the receipt and exit code of what is %s', async (verdict, event, code) => {
    const name = `verified ${verdict}`;
    const text = definition(name);
    writeFileSync(text, readFileSync(text, 'utf8').replace('out}', `${verdict}}`));
    expect(await millrace(['syncs', 'create', '-f', text])).toMatchObject({ code: 0, errors: '' });
    const ended = millrace(['syncs', 'verify', name, '--schema', 'public.people', '--json']);
    const { id, syncId, overrides } = await waitForExecution('verify', name);
    expect(overrides.schemas).toEqual(['public.people']);
    const found = { missing: 1, extra: 0, different: 0, isComplete: true, ranges: [], records: [] };
    const schema = { ...makeSchemaReceipt('public.people'), verdict, ...(code === 0 ? {} : { differing: found }) };
    await happen(api, id, 'start');
    await happen(api, id, event, { ...makeReceipt(id, syncId, [schema]), verdict });
    const { code: exitCode, output } = await ended;
    const { execution, receipt } = JSON.parse(output);
    expect([exitCode, execution.type, receipt.verdict]).toEqual([code, 'verify', verdict]);
    expect(receipt.schemas[0].differing?.missing ?? 0).toBe(code);
  });

  it('show when a schedule starts them next', async () => {
    const schedule = '{frequency: weekly, day_of_week: monday, hour: "4", minute: "30"}';
    const text = definition('weekly', 'active: true\n');
    writeFileSync(text, readFileSync(text, 'utf8').replace('{frequency: manual}', schedule).replace('out}', 'weekly}'));
    expect(await millrace(['syncs', 'create', '-f', text])).toMatchObject({ code: 0, errors: '' });
    const { output } = await millrace(['syncs', 'status', 'weekly']);
    expect(output).toMatch(/has not run yet\.\nNext start by schedule: \d{4}-\d\d-\d\d 04:30:00Z\n$/);
  });

  it('say that there is no receipt before an execution has finished', async () => {
    const { code, errors } = await millrace(['syncs', 'receipt', 'people']);
    expect(code).not.toBe(0);
    expect(errors).toContain('people');
  });

  it('name an unknown connection, sync, or field', async () => {
    const unknown = file('unknown.yaml', 'name: x\nsource_connection_id: nobody\n');
    expect(await millrace(['syncs', 'create', '-f', unknown])).toMatchObject({
      code: 2,
      errors: expect.stringContaining('"nobody"'),
    });
    expect(await millrace(['syncs', 'start', 'nobody'])).toMatchObject({
      code: 2,
      errors: expect.stringContaining('"nobody"'),
    });
    const wrong = await millrace(['syncs', 'create', '-f', definition('more', 'nonsense: 1\n')]);
    expect(wrong).toMatchObject({ code: 1, errors: expect.stringContaining('nonsense') });
  });

  it('say what to set when the key is wrong', async () => {
    const { code, errors } = await millrace(['syncs', 'list'], { environment: { MILLRACE_API_KEY: 'wrong' } });
    expect(code).toBe(1);
    expect(errors).toContain('MILLRACE_API_KEY');
  });
});
