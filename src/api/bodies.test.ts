import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../tests/setup/api.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ connectors: [] });
});
afterAll(() => api[Symbol.asyncDispose]());

function send(payload: string | Buffer, headers: Readonly<Record<string, string>> = {}) {
  return api.app.inject({
    method: 'POST',
    url: '/api/connections/test',
    headers: { authorization: `Bearer ${api.keys.userKey}`, 'content-type': 'application/json', ...headers },
    payload,
  });
}

/** A body of so many levels: the object itself, `configuration` and the lists in it. */
function nested(levels: number): string {
  const lists = levels - 2;
  return `{"type": "nothing", "configuration": {"deep": ${'['.repeat(lists)}${']'.repeat(lists)}}}`;
}

it.each([
  ['without a key', {}],
  ['with an Idempotency-Key', { 'idempotency-key': 'deep-body' }],
])('refuses a body that is nested too deep, %s', async (_, headers) => {
  const answer = await send(nested(100_000), headers);
  expect([answer.statusCode, answer.json()]).toEqual([
    400,
    expect.objectContaining({
      key: 'REQUEST_MALFORMED',
      message: expect.stringContaining('more than 500 levels deep'),
    }),
  ]);
});

it('takes 500 levels, and not one more', async () => {
  const answers = [await send(nested(500)), await send(nested(501))];
  // The first is read: what it is refused for stands in it.
  expect(answers.map(({ statusCode, body }) => [statusCode, body.includes('nothing')])).toEqual([
    [422, true],
    [400, false],
  ]);
});

it('refuses bytes that are no UTF-8 rather than to store others', async () => {
  const body = Buffer.concat([
    Buffer.from('{"type": "'),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('", "configuration": {}}'),
  ]);
  const answer = await send(body);
  expect([answer.statusCode, answer.json().key, answer.json().message]).toEqual([
    400,
    'REQUEST_MALFORMED',
    expect.stringContaining('UTF-8'),
  ]);
});

it('takes a byte order mark, and an empty body where there is nothing to say', async () => {
  const marked = await send('\ufeff{"type": "nothing", "configuration": {}}');
  expect([marked.statusCode, marked.body]).toEqual([422, expect.stringContaining('nothing')]);
  expect((await send('')).json().message).toContain('The body does not fit');
});

it.each([
  ['{"__proto__": {"x": 1}, "type": "x"}', '__proto__'],
  ['{"configuration": {"list": [0, {"\\u005f_proto__": 1}]}}', 'configuration.list[1].__proto__'],
  ['{"configuration": {"constructor": {"prototype": {}}}}', 'configuration.constructor.prototype'],
])('names the field of %s, which would change a prototype', async (body, field) => {
  const answer = await send(body);
  expect([answer.statusCode, answer.json()]).toMatchObject([
    400,
    { key: 'REQUEST_MALFORMED', message: expect.stringContaining(`\`${field}\``), metadata: { fields: [{ field }] } },
  ]);
});

it('takes a field that is called constructor and none of those', async () => {
  const answer = await send('{"type": "nothing", "configuration": {"constructor": "Smith", "prototype": 1}}');
  expect([answer.statusCode, answer.body.includes('nothing')]).toEqual([422, true]);
});
