import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi, type TestRequest } from '../../tests/setup/api.ts';
import { createMemorySystem } from '../../tests/setup/memory-connector.ts';
import { renewIdempotent } from '../operations/index.ts';
import { removeExpiredIdempotencyKeys } from '../store/index.ts';

const system = createMemorySystem([]);
/** What happens when the system is asked. */
let happens: () => Promise<void>;
let api: TestApi;

beforeAll(async () => {
  const { connect } = system.definition;
  const definition: typeof system.definition = {
    ...system.definition,
    connect: async (configuration, context) => {
      await happens();
      return connect(configuration, context);
    },
  };
  api = await startTestApi({ connectors: [definition] });
});
beforeEach(() => {
  happens = async () => {};
});
afterAll(() => api[Symbol.asyncDispose]());

const body = (name: string = randomUUID()) => ({
  name,
  type: 'memory',
  configuration: { hostname: 'db.example', password: 'right' },
});
const create = (key: string, content: unknown, more: Partial<TestRequest> = {}) =>
  api.send({
    method: 'POST',
    url: '/api/connections',
    body: content,
    headers: { 'idempotency-key': key },
    ...more,
  });
const rows = () => api.services.store.db.selectFrom('idempotencyKeys').selectAll();

/** Nobody sleeps a day. */
const expire = (key: string) =>
  api.services.store.db
    .updateTable('idempotencyKeys')
    .set({ expiresAt: new Date(0) })
    .where('key', '=', key)
    .execute();

describe('a write with an Idempotency-Key', () => {
  it('is done once, and its answer is given again', async () => {
    const [key, content] = [randomUUID(), body()];
    const first = await create(key, content);
    const again = await create(key, content);
    expect([first.statusCode, again.statusCode]).toEqual([200, 200]);
    expect(again.json()).toEqual(first.json());
    expect(again.headers['content-type']).toBe(first.headers['content-type']);
    expect([first.headers['idempotency-replayed'], again.headers['idempotency-replayed']]).toEqual([undefined, 'true']);
    const { data } = (await api.send({ url: '/api/connections' })).json();
    expect(data.filter(({ name }: { name: string }) => name === content.name)).toHaveLength(1);
  });

  it('is done twice under two keys', async () => {
    const [first, second] = [await create(randomUUID(), body()), await create(randomUUID(), body())];
    expect(first.json().data.id).not.toBe(second.json().data.id);
  });

  it('gets its refusal again, though it would be taken by now', async () => {
    const [key, content] = [randomUUID(), body()];
    system.password = 'another';
    const refused = await create(key, content);
    system.password = 'right';
    const again = await create(key, content);
    expect([refused.statusCode, again.statusCode, again.json()]).toEqual([422, 422, refused.json()]);
  });

  it('gets its 500 and its 400 again', async () => {
    const key = randomUUID();
    const content = body();
    happens = () => Promise.reject(new Error('a defect'));
    const failed = await create(key, content);
    happens = async () => {};
    expect([failed.statusCode, (await create(key, content)).json()]).toEqual([500, failed.json()]);
    const other = randomUUID();
    const misfit = await create(other, { name: 1 });
    expect([misfit.statusCode, (await create(other, { name: 1 })).json()]).toEqual([400, misfit.json()]);
  });

  it('keeps status and headers of an answer without a body', async () => {
    const { id } = (await create(randomUUID(), body())).json().data;
    const request = {
      method: 'POST',
      url: `/api/connections/${id}/schemas/refresh`,
      headers: { 'idempotency-key': randomUUID() },
    } as const;
    const [first, again] = [await api.send(request), await api.send(request)];
    expect([first.statusCode, first.headers.location]).toEqual([202, expect.stringContaining(id)]);
    expect([again.statusCode, again.headers.location, again.body]).toEqual([202, first.headers.location, first.body]);
    expect(again.headers['idempotency-replayed']).toBe('true');
  });

  it('is refused with 422 when the key came with another body, path, version or caller', async () => {
    const [key, content] = [randomUUID(), body()];
    await create(key, content);
    const basic = Buffer.from(`${api.keys.organizationId}:${api.keys.deploymentKey}`).toString('base64');
    const others = [
      await create(key, body()),
      await create(key, content, { url: '/api/connections/test' }),
      await create(key, content, { version: '2024-02-08' }),
      await create(key, content, { authorization: `Basic ${basic}` }),
    ];
    expect(others.map((answer) => [answer.statusCode, answer.json().key])).toEqual(
      Array.from({ length: 4 }, () => [422, 'IDEMPOTENCY_KEY_REUSED']),
    );
  });

  it('is refused with 409 while the first is in flight, and then gets its answer', async () => {
    const [key, content] = [randomUUID(), body()];
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    happens = () => {
      reached.resolve();
      return gate.promise;
    };
    const first = create(key, content);
    await reached.promise;
    const meanwhile = await create(key, content);
    gate.resolve();
    expect([meanwhile.statusCode, meanwhile.json().key]).toEqual([409, 'IDEMPOTENCY_IN_FLIGHT']);
    expect(meanwhile.headers['retry-after']).toBe('1');
    const answer = await first;
    expect((await create(key, content)).json()).toEqual(answer.json());
  });

  it('is done by one of many that come at once', async () => {
    const [key, content] = [randomUUID(), body()];
    const answers = await Promise.all(Array.from({ length: 8 }, () => create(key, content)));
    const ids = new Set(answers.flatMap((answer) => (answer.statusCode === 200 ? [answer.json().data.id] : [])));
    expect([ids.size, answers.every(({ statusCode }) => [200, 409].includes(statusCode))]).toEqual([1, true]);
  });

  it.each(['short', 'with blanks in it', 'x'.repeat(256), 'zwölf-zeichen'])(
    'is refused with 400 when the key is %s',
    async (key) => {
      const answer = await create(key, body());
      expect([answer.statusCode, answer.json().message]).toEqual([400, expect.stringContaining('8 to 255')]);
    },
  );

  it('says nothing about reads, which may be repeated anyway', async () => {
    const headers = { 'idempotency-key': 'short' };
    expect((await api.send({ url: '/api/me', headers })).statusCode).toBe(200);
  });
});

describe('what is kept', () => {
  it('is sealed: no answer can be read in the database', async () => {
    const [key, content] = [randomUUID(), body('a name to be found')];
    await create(key, content);
    const { answer } = await rows().where('key', '=', key).executeTakeFirstOrThrow();
    expect(answer?.length).toBeGreaterThan(content.name.length);
    expect(answer?.includes(content.name)).toBe(false);
  });

  it('is done anew when its process died in flight, and by the same request only', async () => {
    const key = randomUUID();
    let calls = 0;
    happens = async () => {
      calls += 1;
    };
    const test = (password: string) => {
      const content = { type: 'memory', configuration: { hostname: 'db.example', password } };
      return create(key, content, { url: '/api/connections/test' });
    };
    await test('right');
    await test('right');
    expect(calls).toBe(1);
    await api.services.store.db
      .updateTable('idempotencyKeys')
      .set({ status: null, answer: null, leaseUntil: new Date(0) })
      .where('key', '=', key)
      .execute();
    expect((await test('wrong')).statusCode).toBe(422);
    expect([(await test('right')).statusCode, calls]).toEqual([200, 2]);
  });

  it('is forgotten when it expires, and removed then', async () => {
    const [key, content] = [randomUUID(), body()];
    await create(key, content);
    await expire(key);
    expect((await create(key, body())).statusCode).toBe(200);
    await expire(key);
    expect(await removeExpiredIdempotencyKeys(api.services.store.db, 100)).toBe(1);
    expect(await rows().where('key', '=', key).execute()).toEqual([]);
  });

  it('lasts a day, and is leased while in flight', async () => {
    const key = randomUUID();
    let lease: Date | null = null;
    happens = async () => {
      lease = (await rows().where('key', '=', key).executeTakeFirstOrThrow()).leaseUntil;
    };
    await create(key, body());
    const row = await rows().where('key', '=', key).executeTakeFirstOrThrow();
    expect([lease, row.leaseUntil]).toEqual([expect.any(Date), null]);
    expect(row.expiresAt.getTime() - Date.now()).toBeGreaterThan(23 * 3_600_000);
  });

  it('stays leased for as long as its process says so, and no longer than until its answer', async () => {
    const key = randomUUID();
    const leaseOf = async () => (await rows().where('key', '=', key).executeTakeFirstOrThrow()).leaseUntil;
    let renewed: Date | null = null;
    happens = async () => {
      const { attempt } = await rows().where('key', '=', key).executeTakeFirstOrThrow();
      await api.services.store.db
        .updateTable('idempotencyKeys')
        .set({ leaseUntil: new Date(0) })
        .where('key', '=', key)
        .execute();
      await renewIdempotent(api.services.store, [attempt]);
      renewed = await leaseOf();
    };
    await create(key, body());
    expect(Number(renewed)).toBeGreaterThan(Date.now());
    const { attempt } = await rows().where('key', '=', key).executeTakeFirstOrThrow();
    await renewIdempotent(api.services.store, [attempt]);
    expect(await leaseOf()).toBeNull();
  });
});
