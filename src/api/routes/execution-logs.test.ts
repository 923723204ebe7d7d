import { inflateRawSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';
import { readContract } from '../../../tests/compatibility/contract.ts';
import { UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { addSegment, planSchemas, startSync } from '../../../tests/setup/executions.ts';
import { runJob, takeNextJob } from '../../operations/index.ts';
import { appendConsoleLogs } from '../../store/index.ts';

const fixture = useBulkFixture();
const contract = readContract('2025-09-18');
const LOGS = '/api/bulk/syncs/{sync_id}/executions/{execution_id}/logs';
/** More than one page of either. */
const LINES = 700;
const REJECTS = 600;

let sync = '';
let execution = '';
let url = '';

beforeAll(async () => {
  sync = await fixture.createSync({ name: 'Logged' });
  execution = await startSync(fixture.api, sync);
  url = `/api/bulk/syncs/${sync}/executions/${execution}/logs`;
  const { db } = fixture.api.services.store;
  await planSchemas(fixture.api, execution, [{ schemaId: 'public.orders' }], new Date());
  await addSegment(fixture.api, execution, { schemaId: 'public.orders', no: 1 });
  const lines = Array.from({ length: LINES }, (_, index) => ({
    schemaId: 'public.orders',
    level: 'info' as const,
    message: `Line ${index + 1}.`,
    payload: null,
    createdAt: new Date(),
  }));
  await appendConsoleLogs(db, execution, lines);
  const { organizationId } = fixture.api.keys;
  const rejects = Array.from({ length: REJECTS }, (_, position) => ({
    executionId: execution,
    schemaId: 'public.orders',
    organizationId,
    generation: 1,
    segmentNo: 1,
    position,
    key: JSON.stringify({ id: String(position) }),
    reason: 'too long',
  }));
  await db.insertInto('rejects').values(rejects).execute();
});

async function list(): Promise<{ URLs: string[]; Expires: string }> {
  const { status, body } = await fixture.send('GET', url);
  expect([status, contract.check(`GET ${LOGS}`, status, body)]).toEqual([200, []]);
  return body.data;
}

/** Without a key: the address is all that is sent. */
const download = (address: string) => {
  expect(address).toMatch(/^http:\/\/millrace\.example\/downloads\//);
  return fixture.api.send({ url: address.replace('http://millrace.example', ''), authorization: null });
};

const parse = (text: string): ReturnType<typeof JSON.parse>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

it('gives addresses that open without a key, with every line and every reject', async () => {
  const { URLs, Expires } = await list();
  expect(URLs.length).toBe(2);
  const inAnHour = Date.now() + 3_600_000;
  expect(Math.abs(Date.parse(Expires) - inAnHour)).toBeLessThan(60_000);
  const [console, rejects] = await Promise.all(URLs.map(download));
  expect([console?.statusCode, console?.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
  const lines = parse(console?.body ?? '');
  expect(lines.map(({ message }) => message)).toEqual(
    Array.from({ length: LINES }, (_, index) => `Line ${index + 1}.`),
  );
  expect(lines[0]).toMatchObject({ level: 'info', schema: 'public.orders', payload: null });
  const refused = parse(rejects?.body ?? '');
  expect(refused.map(({ key }) => Number(key.id))).toEqual(Array.from({ length: REJECTS }, (_, index) => index));
  expect(refused[0]).toMatchObject({ schema: 'public.orders', reason: 'too long' });
});

it('lists the console alone where nothing was rejected', async () => {
  const other = await fixture.createSync();
  const quiet = await startSync(fixture.api, other);
  const { body } = await fixture.send('GET', `/api/bulk/syncs/${other}/executions/${quiet}/logs`);
  expect(body.data.URLs).toEqual([expect.stringContaining('/console.ndjson?')]);
  expect((await download(body.data.URLs[0])).body).toBe('');
});

it('refuses addresses that were changed, cut short, or are of another execution', async () => {
  const { URLs } = await list();
  const address = new URL(URLs[0] ?? '');
  const changed = (change: (copy: URL) => void): string => {
    const copy = new URL(address);
    change(copy);
    return copy.href;
  };
  const refused = [
    changed((copy) => copy.searchParams.set('organization', UNKNOWN_ID)),
    changed((copy) => copy.searchParams.set('expires', '9999999999')),
    changed((copy) => copy.searchParams.delete('signature')),
    changed((copy) => copy.searchParams.append('signature', 'again')),
    changed((copy) => {
      copy.pathname = copy.pathname.replace('console.ndjson', 'rejects.ndjson');
    }),
    changed((copy) => {
      copy.pathname = copy.pathname.replace(execution, UNKNOWN_ID);
    }),
  ];
  const answers = await Promise.all(refused.map(download));
  expect(answers.map((answer) => [answer.statusCode, answer.json().key])).toEqual(
    refused.map(() => [403, 'LINK_REFUSED']),
  );
  const nowhere = changed((copy) => {
    copy.pathname = copy.pathname.replace('console.ndjson', 'master.key');
  });
  expect((await download(nowhere)).statusCode).toBe(404);
});

it('answers 404 for an execution that there is not', async () => {
  const unknown = `/api/bulk/syncs/${sync}/executions/${UNKNOWN_ID}/logs`;
  expect((await fixture.send('GET', unknown)).status).toBe(404);
  expect((await fixture.send('POST', `${unknown}/export`)).status).toBe(404);
});

async function exportLogs(query = ''): Promise<ReturnType<typeof JSON.parse>> {
  const { status, body } = await fixture.send('POST', `${url}/export${query}`);
  expect([status, contract.check(`POST ${LOGS}/export`, status, body)]).toEqual([200, []]);
  expect(body.job).toMatchObject({ type: 'exportlogs', status: 'created' });
  const job = await takeNextJob(fixture.api.services);
  if (job !== undefined) await runJob(fixture.api.services, job, AbortSignal.timeout(30_000));
  return (await fixture.send('GET', `/api/jobs/exportlogs/${body.job.job_id}`)).body.data;
}

it('packs both files into an archive whose address is the result of a job', async () => {
  const { status, result } = await exportLogs();
  expect(status).toBe('done');
  const archive = await download(result.url);
  expect([archive.statusCode, archive.headers['content-type']]).toEqual([200, 'application/zip']);
  const bytes = archive.rawPayload;
  expect(bytes.subarray(30, 44).toString()).toBe('console.ndjson');
  const directory = bytes.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
  const packed = bytes.readUInt32LE(directory + 20);
  expect(parse(inflateRawSync(bytes.subarray(44, 44 + packed)).toString()).length).toBe(LINES);
});

it('writes to the user who asks to be notified, and refuses where there is none', async () => {
  const { result } = await exportLogs('?notify=true');
  const { db } = fixture.api.services.store;
  const [mail] = await db.selectFrom('mails').selectAll().execute();
  expect(mail).toMatchObject({ recipient: 'admin@localhost', template: 'logs_exported', facts: { url: result.url } });
  const { organizationId, deploymentKey } = fixture.api.keys;
  const authorization = `Basic ${Buffer.from(`${organizationId}:${deploymentKey}`).toString('base64')}`;
  const refused = await fixture.api.send({ method: 'POST', url: `${url}/export?notify=true`, authorization });
  expect([refused.statusCode, refused.json().message]).toEqual([422, expect.stringContaining('notify')]);
});

it('tells a running execution as cancelled when its sync is deleted', async () => {
  await fixture.send('DELETE', `/api/bulk/syncs/${sync}`);
  const { data } = (await fixture.send('GET', '/api/events?limit=1')).body;
  expect(data).toMatchObject([{ type: 'bulk_sync.canceled', event: { execution_id: execution } }]);
});
