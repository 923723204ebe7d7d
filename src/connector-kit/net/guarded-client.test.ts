import { createServer, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { describe, expect, it } from 'vitest';
import { createCertificate } from '../../../tests/setup/certificate.ts';
import { listen, useHttpRecorder } from '../../../tests/setup/http-recorder.ts';
import { createAddressCheck } from './address-check.ts';
import { createGuardedClient, type GuardedClient } from './guarded-client.ts';

const METADATA = '169.254.169.254';

/** Where the tests ask. */
const recorder = useHttpRecorder((request, response) => answer(request.url ?? '', response));
const { seen } = recorder;

function answer(path: string, response: ServerResponse): void {
  const [, kind, argument = ''] = /^\/([a-z]+)\/?(.*)$/.exec(path) ?? [];
  if (kind === 'to') response.writeHead(302, { location: decodeURIComponent(argument) }).end();
  else if (kind === 'again') response.writeHead(307, { location: '/again' }).end();
  else if (kind === 'keep') response.writeHead(308, { location: '/end' }).end();
  else if (kind === 'long') response.end('x'.repeat(5_000));
  else if (kind === 'switch') response.writeHead(101, { upgrade: 'other', connection: 'upgrade' }).end();
  else if (kind === 'cut') {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half', () => response.destroy());
  } else if (kind === 'silence') response.writeHead(200).flushHeaders();
  else response.writeHead(kind === 'missing' ? 404 : 200, { 'x-answer': 'yes' }).end('done');
}

/** A client whose names resolve to these answers in turn, the last one for good. */
function clientOf(...answers: readonly string[]): { readonly ask: GuardedClient; readonly lookups: string[] } {
  const lookups: string[] = [];
  const lookup = async (host: string) => {
    lookups.push(host);
    return [answers[Math.min(lookups.length, answers.length) - 1] ?? host];
  };
  return { ask: createGuardedClient({ resolveHost: createAddressCheck({ denyPrivate: false, lookup }) }), lookups };
}

const system = createGuardedClient({ resolveHost: createAddressCheck({ denyPrivate: false }) });
const strict = createGuardedClient({ resolveHost: createAddressCheck({ denyPrivate: true }) });

describe('createGuardedClient', () => {
  it('answers status, headers and body, also of a refusal by the host', async () => {
    const good = await system({
      method: 'POST',
      url: `${recorder.origin}/plain?a=1`,
      body: 'text',
      headers: { 'x-sent': 'a' },
    });
    expect(good).toMatchObject({ status: 200, isTruncated: false, headers: { 'x-answer': 'yes' } });
    expect(good.body.toString()).toBe('done');
    expect(seen.at(-1)).toMatchObject({ line: 'POST /plain?a=1', body: 'text', headers: { 'x-sent': 'a' } });
    expect((await system({ method: 'GET', url: `${recorder.origin}/missing` })).status).toBe(404);
  });

  it('sets the headers of the hop itself', async () => {
    const headers = { Host: 'other.example', 'Transfer-Encoding': 'chunked', 'content-length': '99', connection: 'x' };
    await system({ method: 'POST', url: `${recorder.origin}/plain`, body: 'four', headers });
    const last = seen.at(-1);
    expect(last?.headers).toMatchObject({
      host: `127.0.0.1:${recorder.port}`,
      'content-length': '4',
      connection: 'close',
    });
    expect(last?.headers).not.toHaveProperty('transfer-encoding');
  });

  it.each([
    ['a metadata address', `http://${METADATA}/latest`],
    ['one as a decimal number', 'http://2852039166/'],
    ['one in hex', 'http://0xa9fea9fe/'],
    ['one in hex parts', 'http://0xa9.0xfe.0xa9.0xfe/'],
    ['one in octal', 'http://0251.0376.0251.0376/'],
    ['one with a trailing dot', `http://${METADATA}./`],
    ['one in full-width digits', 'http://１６９.254.169.254/'],
    ['one with an encoded dot', 'http://169%2e254.169.254/'],
    ['an IPv4-mapped address', `http://[::ffff:${METADATA}]/`],
    ['an IPv4-compatible address', `http://[::${METADATA}]/`],
    ['a NAT64 address', 'http://[64:ff9b::a9fe:a9fe]/'],
    ['a 6to4 address', 'http://[2002:a9fe:a9fe::1]/'],
    ['the IPv6 metadata address', 'http://[fd00:ec2::254]/'],
    ['a link-local address', 'http://[fe80::1]/'],
    ['the unspecified address', 'http://0/'],
    ['the unspecified address in IPv6', 'http://[::]/'],
  ])('refuses %s', async (_name, url) => {
    await expect(system({ method: 'GET', url })).rejects.toMatchObject({ code: 'CONN_ADDRESS_REFUSED' });
  });

  it.each([
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '0177.1',
    '127.1',
    '[::1]',
    '[::ffff:7f00:1]',
    'localhost',
    'localhost.',
  ])('refuses %s where private addresses are denied', async (host) => {
    const count = seen.length;
    const asked = strict({ method: 'GET', url: `http://${host}:${recorder.port}/` });
    await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/CONN_(ADDRESS_REFUSED|UNREACHABLE)/) });
    expect(seen).toHaveLength(count);
  });

  it.each([
    ['user names', `http://example.com@127.0.0.1:1/`],
    ['passwords', `http://:word@127.0.0.1:1/`],
    ['other schemes', 'file:///etc/passwd'],
    ['gopher', 'gopher://127.0.0.1:25/_'],
    ['what is no URL', 'nonsense'],
  ])('refuses %s, without showing the URL', async (_name, url) => {
    const asked = system({ method: 'GET', url });
    await expect(asked).rejects.toMatchObject({ code: 'HTTP_URL_REFUSED', message: expect.not.stringContaining(url) });
  });

  it('takes what stands behind a backslash for the path, as the host that it asks is checked', async () => {
    await system({ method: 'GET', url: `${recorder.origin}\\@${METADATA}/` });
    expect(seen.at(-1)?.line).toBe(`GET /@${METADATA}/`);
  });

  it('connects to the address that was checked, whatever the name says a moment later', async () => {
    const { ask, lookups } = clientOf('127.0.0.1', METADATA);
    expect((await ask({ method: 'GET', url: `http://turning.example:${recorder.port}/plain` })).status).toBe(200);
    expect(lookups).toEqual(['turning.example']);
    await expect(ask({ method: 'GET', url: `http://turning.example:${recorder.port}/plain` })).rejects.toMatchObject({
      code: 'CONN_ADDRESS_REFUSED',
    });
  });

  it('answers a redirect unless following was asked for', async () => {
    const response = await system({ method: 'GET', url: `${recorder.origin}/to/http:%2F%2F${METADATA}` });
    expect(response).toMatchObject({ status: 302, headers: { location: `http://${METADATA}` } });
  });

  it.each([`http://${METADATA}/latest`, '//2852039166/', 'file:///etc/passwd', 'http://a:b@127.0.0.1/'])(
    'checks where a redirect leads: %s',
    async (target) => {
      const url = `${recorder.origin}/to/${encodeURIComponent(target)}`;
      await expect(system({ method: 'GET', url, maxRedirects: 3 })).rejects.toMatchObject({
        code: expect.stringMatching(/CONN_ADDRESS_REFUSED|HTTP_URL_REFUSED/),
      });
    },
  );

  it('resolves and checks a name again when it is redirected to itself', async () => {
    const { ask } = clientOf('127.0.0.1', METADATA);
    const url = `http://turning.example:${recorder.port}/keep`;
    await expect(ask({ method: 'GET', url, maxRedirects: 3 })).rejects.toMatchObject({ code: 'CONN_ADDRESS_REFUSED' });
  });

  it('shows headers to the host only that they are meant for', async () => {
    const headers = { authorization: 'Bearer word' };
    await system({ method: 'GET', url: `${recorder.origin}/keep`, headers, maxRedirects: 1 });
    expect(seen.at(-1)).toMatchObject({ line: 'GET /end', headers });
    const elsewhere = encodeURIComponent(`http://localhost:${recorder.port}/end`);
    await system({ method: 'POST', url: `${recorder.origin}/to/${elsewhere}`, headers, body: 'word', maxRedirects: 1 });
    expect(seen.at(-1)).toMatchObject({ line: 'GET /end', body: '' });
    expect(seen.at(-1)?.headers).not.toHaveProperty('authorization');
  });

  it('follows as many redirects as were allowed, and sends the body again where that is meant', async () => {
    await system({ method: 'PUT', url: `${recorder.origin}/keep`, body: 'text', maxRedirects: 1 });
    expect(seen.at(-1)).toMatchObject({ line: 'PUT /end', body: 'text' });
    await expect(system({ method: 'GET', url: `${recorder.origin}/again`, maxRedirects: 4 })).rejects.toMatchObject({
      code: 'HTTP_ANSWER_REFUSED',
    });
  });

  it('takes no more of a body than it was told', async () => {
    const request = { method: 'GET', url: `${recorder.origin}/long`, maxBodyBytes: 1_000 };
    await expect(system(request)).rejects.toMatchObject({ code: 'HTTP_ANSWER_REFUSED' });
    const cut = await system({ ...request, onLongBody: 'cut' });
    expect(cut).toMatchObject({ status: 200, isTruncated: true });
    expect(cut.body).toHaveLength(1_000);
    expect((await system({ ...request, maxBodyBytes: 5_000 })).isTruncated).toBe(false);
  });

  it('gives up a host that does not end its answer', async () => {
    const asked = system({ method: 'GET', url: `${recorder.origin}/silence`, timeoutMs: 50 });
    await expect(asked).rejects.toMatchObject({ code: 'HTTP_TIMEOUT' });
  });

  it('gives up a resolver that does not answer', async () => {
    const ask = createGuardedClient({ resolveHost: () => new Promise(() => {}) });
    await expect(ask({ method: 'GET', url: recorder.origin, timeoutMs: 50 })).rejects.toMatchObject({
      code: 'HTTP_TIMEOUT',
    });
  });

  it('stops with the reason of the signal', async () => {
    const stopped = system({
      method: 'GET',
      url: `${recorder.origin}/silence`,
      signal: AbortSignal.abort(new Error('stop')),
    });
    await expect(stopped).rejects.toThrow('stop');
  });

  it.each(['cut', 'switch'])('reports an answer that is none: %s', async (path) => {
    await expect(system({ method: 'GET', url: `${recorder.origin}/${path}` })).rejects.toMatchObject({
      code: 'CONN_LOST',
    });
  });

  it('says that nothing listens, without the path', async () => {
    const gone = createServer();
    const free = await listen(gone);
    await new Promise((resolve) => gone.close(resolve));
    await expect(system({ method: 'GET', url: `http://127.0.0.1:${free}/?key=word` })).rejects.toMatchObject({
      code: 'CONN_UNREACHABLE',
      message: expect.not.stringContaining('word'),
    });
  });

  it.each([
    ['header', { headers: { 'x-bad': 'a\r\nhost: other' } }],
    ['method', { method: 'GET / HTTP/1.1\r\nx: y' }],
  ])('lets nothing be written through a %s', async (_name, change) => {
    await expect(system({ method: 'GET', url: recorder.origin, ...change })).rejects.toMatchObject({
      code: 'HTTP_URL_REFUSED',
    });
  });

  it('proves the certificate for the name, not for the address', async () => {
    const made = createCertificate('secure.example');
    const secure = createTlsServer({ key: made.key, cert: made.certificate }, (_request, response) =>
      response.end('s'),
    );
    const securePort = await listen(secure);
    const resolveHost = async () => '127.0.0.1';
    const ask = createGuardedClient({ resolveHost, trustedCertificates: made.certificate });
    const get = (client: GuardedClient, name: string) =>
      client({ method: 'GET', url: `https://${name}:${securePort}/` });
    expect((await get(ask, 'secure.example')).body.toString()).toBe('s');
    await expect(get(ask, 'other.example')).rejects.toMatchObject({ code: 'CONN_TLS_FAILED' });
    const untrusting = createGuardedClient({ resolveHost });
    await expect(get(untrusting, 'secure.example')).rejects.toMatchObject({ code: 'CONN_TLS_FAILED' });
    secure.closeAllConnections();
    secure.close();
  });
});
