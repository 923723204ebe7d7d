import { expect, it } from 'vitest';
import { useServer, useSyncScene } from '../setup/hooks.ts';

// What filters do to a sync's records, from the API to the destination. What each function means is tested in src/core/filters.

const ODD = ["'; DROP TABLE odd; --", 'a\\', "\\' OR true --", '100%', '$1', '"x"', 'ä\u{1F600}'];
const TABLE = 'public.odd';
const DOCS = 'public.docs';

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
const ROWS = [...ODD, 'plain'].map((text, index) => `(${index}, ${quote(text)})`).join(', ');
const SOURCE = `CREATE TABLE odd (id int PRIMARY KEY, "no ""te" text); INSERT INTO odd VALUES ${ROWS}, (99, NULL)`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

const idsOf = async () => {
  const rows = await scene.inDestination('SELECT id FROM landing.odd WHERE __millrace_deleted_at IS NULL ORDER BY id');
  return rows.flat();
};

it('finds values with every odd character, and nothing breaks out of them', async () => {
  const filter = { field_id: 'no "te', function: 'StringOneOf' as const, value: ODD };
  const sync = await scene.make([{ id: TABLE, filters: [filter] }]);
  const { execution, receipt } = await scene.run(sync.id);
  expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
  expect(await idsOf()).toEqual(ODD.map((_, index) => index));
  expect(await scene.inSource('SELECT count(*)::int FROM odd')).toEqual([[ODD.length + 2]]);
});

it('marks what does not pass any more, and lets the loss guard stop what would leave nothing', async () => {
  const filter = { field_id: 'id', function: 'LessThan' as const, value: 3 };
  const sync = await scene.make([{ id: TABLE, filters: [filter] }]);
  await scene.run(sync.id);
  expect(await idsOf()).toEqual([0, 1, 2]);
  await scene.inSource('UPDATE odd SET id = 50 WHERE id = 2');
  expect((await scene.run(sync.id)).receipt?.verdict).toBe('equal');
  expect(await idsOf()).toEqual([0, 1]);
  await scene.inSource('UPDATE odd SET id = id + 100');
  const guarded = await scene.run(sync.id);
  expect(guarded.execution.status).toBe('failed');
  expect(JSON.stringify(guarded.execution)).toContain('max_loss_percent');
  expect(await idsOf()).toEqual([0, 1]);
});

it('makes an empty table where nothing passes', async () => {
  const filters = [
    { field_id: 'id', function: 'GreaterThan' as const, value: '99999999999999999999' },
    { field_id: 'no "te', function: 'IsNotNull' as const },
  ];
  const sync = await scene.make([{ id: TABLE, filters }]);
  const { execution, receipt } = await scene.run(sync.id);
  expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
  expect(await idsOf()).toEqual([]);
});

it('refuses a filter that does not fit when it is saved, and fails its schema when the field has changed', async () => {
  const contains = { field_id: 'no "te', function: 'StringContains' as const, value: 'a' };
  const misfit = { ...contains, field_id: 'id' };
  await expect(scene.make([{ id: TABLE, filters: [misfit] }])).rejects.toThrow(
    'StringContains is not for fields of type integer',
  );
  const sync = await scene.make([{ id: TABLE, filters: [contains] }]);
  await scene.run(sync.id);
  const before = await idsOf();
  await scene.inSource('ALTER TABLE odd ALTER "no ""te" TYPE int USING length("no ""te")');
  const { execution } = await scene.run(sync.id);
  expect(execution.status).toBe('failed');
  expect(JSON.stringify(execution)).toContain('StringContains is not for fields of type integer');
  expect(await idsOf()).toEqual(before);
});

it('asks about fields that a user added within JSON as about any other', async () => {
  await scene.inSource(
    `CREATE TABLE docs (id int PRIMARY KEY, body jsonb);
     INSERT INTO docs VALUES (1, '{"a": {"n": 12.50}}'), (2, '{"a": {"n": 3}}'), (3, '{"a": {"n": null}}'), (4, '[]'), (5, NULL)`,
  );
  const sync = await scene.make([DOCS]);
  await scene.send('POST', `/api/connections/${sync.source_connection_id}/schemas/${DOCS}/fields`, {
    fields: [{ field_id: 'amount', label: 'Amount', type: 'number', path: 'body.a.n' }],
  });
  await scene.send('PATCH', `/api/bulk/syncs/${sync.id}/schemas`, {
    schemas: [{ id: DOCS, enabled: true, filters: [{ field_id: 'amount', function: 'GreaterThan', value: 3 }] }],
  });
  const { execution, receipt } = await scene.run(sync.id);
  expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
  expect(await scene.inDestination('SELECT id FROM landing.docs')).toEqual([[1]]);
});
