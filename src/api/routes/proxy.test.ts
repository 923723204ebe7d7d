import { describe, expect, it } from 'vitest';
import { readContract } from '../../../tests/compatibility/contract.ts';
import { JSON_TYPE, KEY, PASSWORD, TOKEN, useHttpApi } from '../../../tests/setup/http-api.ts';
import { createAddressCheck, createGuardedClient } from '../../connector-kit/net/index.ts';

const contract = readContract('2025-09-18');
const fixture = useHttpApi();
const { api, seen, configuration, connectedId, pass, answered, swapHttp } = fixture;

describe('the proxy', () => {
  it('sends what it was given, with what the connection sets', async () => {
    const id = await connectedId();
    const data = await answered(id, {
      method: 'POST',
      path: '/things/a%2Fb',
      query: { q: 'ä b', n: 5, on: true, list: ['x', 2], none: null },
      headers: { 'X-Own': 'mine' },
      body: { some: ['json'] },
    });
    expect(seen.at(-1)).toMatchObject({
      line: 'POST /v1/things/a%2Fb?q=%C3%A4+b&n=5&on=true&list=x&list=2&lang=german&key=query+key+%26+more',
      headers: { 'x-own': 'mine', 'x-token': TOKEN, 'content-type': 'application/json', 'user-agent': 'millrace' },
      body: '{"some":["json"]}',
    });
    expect(data).toMatchObject({ status: 200, truncated: false, contentType: JSON_TYPE['content-type'] });
  });

  it('sends a raw query and a text as they are', async () => {
    const id = await connectedId({ url: fixture.base });
    const headers = { 'Content-Type': 'application/xml' };
    await answered(id, { method: 'PUT', path: '/x', rawQuery: 'a=%20&b&a=2', headers, body: '<a/>' });
    expect(seen.at(-1)).toMatchObject({
      line: 'PUT /v1/x?a=%20&b&a=2',
      headers: { 'content-type': 'application/xml' },
      body: '<a/>',
    });
  });

  it('shows none of the values of the connection where the system repeats them', async () => {
    const response = await pass(await connectedId(), { method: 'GET', path: '/echo' });
    const basic = Buffer.from(`ann:${PASSWORD}`).toString('base64');
    const forms = [
      TOKEN,
      JSON.stringify(TOKEN).slice(1, -1),
      encodeURIComponent(TOKEN),
      KEY,
      'query+key',
      PASSWORD,
      basic,
    ];
    expect(
      forms.filter((form) => response.body.includes(form) || JSON.stringify(response.json()).includes(form)),
    ).toEqual([]);
    expect(response.json().data).toMatchObject({
      headers: { 'x-echo': '[REDACTED]' },
      body: { headers: { 'x-token': '[REDACTED]' }, uri: '[REDACTED]', pair: '[REDACTED]' },
    });
  });

  it.each([
    ['long numbers digit by digit', '/numbers', '"body":{"id":12345678901234567890,"price":1.50,"n":7}'],
    ['bytes in base64', '/bytes', '"body":"AP8H"'],
    ['an error of the system', '/status/500', '"status":500'],
    ['a redirect, not followed', '/away', '"status":302'],
  ])('answers %s', async (_name, path, text) => {
    const response = await pass(await connectedId(), { method: 'GET', path });
    expect([response.statusCode, response.body.includes(text)]).toEqual([200, true]);
    expect(response.body).not.toContain('set-cookie');
  });

  it('leaves JSON that is nested too deep as text', async () => {
    const { body } = await answered(await connectedId(), { method: 'GET', path: '/deep' });
    expect(body.length).toBe(200_000);
  });

  it('cuts a long answer, and no secret with it', async () => {
    const { body, truncated } = await answered(await connectedId(), { method: 'GET', path: '/long' });
    expect([truncated, body.length > 1_000_000]).toEqual([true, true]);
    expect('[REDACTED]').toContain(body.replace(/^x+(\[REDACTED\])*/, ''));
  });

  it.each([
    [{ path: '/a/../../b' }, 'request.path'],
    [{ path: '/a/%2e%2e/b' }, 'request.path'],
    [{ path: '/a/%252e%252e/b' }, 'request.path'],
    [{ path: '/a/..%2fb' }, 'request.path'],
    [{ path: '/a/..;x/b' }, 'request.path'],
    [{ path: '/a//b' }, 'request.path'],
    [{ path: '/a\\b' }, 'request.path'],
    [{ path: '/a%5cb' }, 'request.path'],
    [{ path: '/a\tb' }, 'request.path'],
    [{ path: '/a?b=c' }, 'request.path'],
    [{ path: '/a%zz' }, 'request.path'],
    [{ headers: { 'x-TOKEN': 'mine' } }, 'request.headers.x-TOKEN'],
    [{ headers: { Authorization: 'Bearer mine' } }, 'request.headers.Authorization'],
    [{ headers: { Host: 'other.example' } }, 'request.headers.Host'],
    [{ headers: { Cookie: 'a=b' } }, 'request.headers.Cookie'],
    [{ headers: { 'Transfer-Encoding': 'chunked' } }, 'request.headers.Transfer-Encoding'],
    [{ headers: { 'X-A': 'a\nb' } }, 'request.headers.X-A'],
    [{ headers: { 'X A': 'a' } }, 'request.headers.X A'],
    [{ headers: { 'X-A': '1', 'x-a': '2' } }, 'request.headers.x-a'],
    [{ query: { key: 'mine' } }, 'request.query.key'],
    [{ query: { a: { b: 1 } } }, 'request.query.a'],
    [{ rawQuery: 'a=1&k%65y=mine' }, 'request.rawQuery'],
    [{ rawQuery: 'a=1;key=mine' }, 'request.rawQuery'],
    [{ rawQuery: '?a=1' }, 'request.rawQuery'],
    [{ rawQuery: 'a=ä' }, 'request.rawQuery'],
    [{ rawQuery: 'a=1', query: {} }, 'request.rawQuery'],
    [{ query: { a: 'x'.repeat(20_000) } }, 'request'],
  ])('sends nothing for %j', async (given, field) => {
    const count = seen.length;
    const refused = await pass(await connectedId(), { method: 'GET', path: '/x', ...given });
    expect([refused.statusCode, refused.json().metadata]).toEqual([422, { field }]);
    expect(seen.length).toBe(count);
  });

  it('refuses bodies over 256 KiB', async () => {
    const refused = await pass(await connectedId(), { method: 'POST', path: '/x', body: 'x'.repeat(256 * 1024 + 1) });
    expect([refused.statusCode, refused.json().key]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it.each([
    ['breaks off', '/broken'],
    ['packs its answer unasked', '/packed'],
  ])('answers 502 when the system %s', async (_name, path) => {
    const failed = await pass(await connectedId(), { method: 'GET', path });
    expect([failed.statusCode, failed.json().key]).toEqual([502, 'PROXY_UPSTREAM_FAILED']);
    expect(contract.check('POST /api/connections/{id}/proxy', 502, failed.json())).toEqual([]);
  });

  it('answers 504 when the system is silent', async () => {
    const { http } = api.services;
    // As patient as a test can be; everything else is as it is.
    await using _swap = swapHttp((request) => http({ ...request, timeoutMs: 50 }));
    const failed = await pass(await connectedId(), { method: 'GET', path: '/silent' });
    expect([failed.statusCode, failed.json().key]).toEqual([504, 'PROXY_UPSTREAM_TIMEOUT']);
  });

  it('opens no private address where these are denied', async () => {
    const id = await connectedId();
    const count = seen.length;
    const resolveHost = createAddressCheck({ denyPrivate: true });
    await using _swap = swapHttp(createGuardedClient({ resolveHost }));
    const refused = await pass(id, { method: 'GET', path: '/echo' });
    expect([refused.statusCode, refused.json().key, seen.length]).toEqual([422, 'CONN_ADDRESS_REFUSED', count]);
  });

  it('answers 502 when nobody listens, and says nothing of the request', async () => {
    const id = await connectedId({ ...configuration(), url: 'http://127.0.0.1:1/hidden' });
    const failed = await pass(id, { method: 'GET', path: '/private', query: { a: 'word' } });
    expect([failed.statusCode, failed.json().key]).toEqual([502, 'PROXY_UPSTREAM_FAILED']);
    expect(failed.body).not.toMatch(/hidden|private|word/);
  });
});
