import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import type { Side } from '../setup/syncs.ts';

// Fields that users add inside of JSON, where DuckDB reads it. What PostgreSQL's own operators say of the same texts is expected.

const server = useServer();
const scene = useSyncScene(server, '');

const DOCUMENTS: readonly (string | null)[] = [
  '{"city": "Ulm", "price": 1.10, "paid": true, "at": "2024-05-01T10:00:00.5+02:00", "tags": ["a", 1.50], "odd/~\\"\'": 5}',
  '{"city": "a \\"quoted\\" 1.5 {", "price": 12345678901234567890.123456789012345678901234567890, "at": "2024-05-01", "tags": {"x": [1.0, "1.0", -0.5]}}',
  '{"city": {"lat": 50.9413000, "name": "Köln"}, "price": "-7.250", "paid": "no", "tags": "1.5", "odd/~\\"\'": "\\u00e9\\\\"}',
  '{"city": null, "price": null, "paid": null, "at": null, "tags": null}',
  '{"city": 123456789012345678901234567890123456789012345678901234567890, "price": 0, "tags": []}',
  '{"city": "", "items": [{"n": "first"}, {"n": 2.0}], "price": "NaN"}',
  '{"city": {"a": {"~number~": "9.1"}, "n": 1.10}, "tags": [{"~number~": "9.10"}, 2.50]}',
  '[1, {"city": "in a list"}]',
  '"no object"',
  'null',
  null,
];

const FIELDS = [
  ['city', 'string', '$.doc.city', `doc::jsonb #>> '{city}'`],
  ['price', 'number', '$.doc.price', `(doc::jsonb #>> '{price}')::numeric::text`],
  ['paid', 'boolean', '$.doc.paid', `(doc::jsonb #>> '{paid}')::boolean::text`],
  ['at', 'datetime', '$.doc.at', `(doc::jsonb #>> '{at}')::timestamptz::text`],
  ['tags', 'array', '$.doc.tags', `nullif(doc::jsonb #> '{tags}', 'null')::text`],
  ['odd', 'string', `$.doc["odd/~\\"'"]`, `doc::jsonb #>> ARRAY['odd/~"''']`],
  ['second', 'string', '$.doc.items[1].n', `doc::jsonb #>> '{items,1,n}'`],
] as const;

const quote = (text: string | null) => (text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`);
const ROWS = DOCUMENTS.map((text, id) => `(${id}, ${quote(text)})`).join(', ');

/** What lands for text fields with JSON in them is compared as JSON: DuckDB sets no blanks. */
const LANDED = FIELDS.map(([id]) => (id === 'tags' ? `${id}::jsonb::text` : `${id}::text`)).join(', ');
const EXPECTED = FIELDS.map(([, , , sql]) => sql).join(', ');

async function addFields(connectionId: string, schema: string): Promise<void> {
  const fields = FIELDS.map(([id, type, path]) => ({ field_id: id, label: id, type, path }));
  await scene.send('POST', `/api/connections/${connectionId}/schemas/${schema}/fields`, { fields });
}

async function make(source: Side, schema: string) {
  const sync = await scene.make([schema], {}, { source });
  await addFields(sync.source_connection_id, schema);
  return sync;
}

async function run(syncId: string): Promise<readonly string[]> {
  const { execution, receipt } = await scene.run(syncId);
  expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
  return receipt?.schemas[0]?.conversions ?? [];
}

const expected = () =>
  scene.inDestination(
    `SET TimeZone = 'UTC'; SELECT id, ${EXPECTED.replace("doc::jsonb #>> '{city}'", `regexp_replace(doc::jsonb #>> '{city}', '([:,]) ', '\\1', 'g')`)} FROM (VALUES ${ROWS}) v(id, doc) ORDER BY id`,
  );
const landed = (table: string, condition = 'true') =>
  scene.inDestination(
    `SET TimeZone = 'UTC'; SELECT id::int, ${LANDED} FROM landing.${table} WHERE ${condition} ORDER BY 1`,
  );

describe('fields that users added to what DuckDB reads', () => {
  it.each(['JSON', 'VARCHAR'])(
    'are what PostgreSQL would find in a %s column, digit by digit',
    async (type) => {
      const name = `docs-${type}.duckdb`;
      await queryFile(
        join(server.filesFolder, name),
        `CREATE TABLE docs (id INTEGER PRIMARY KEY, doc ${type}); INSERT INTO docs VALUES ${ROWS}`,
      );
      const sync = await make(['duckdb', { path: name }], 'main.docs');
      const conversions = await run(sync.id);
      expect(conversions).toEqual(
        expect.arrayContaining([
          'price: doc.price as text',
          'at: doc.at as timestamp with time zone',
          'tags: doc.tags as json',
        ]),
      );
      expect(await landed('docs')).toEqual(await expected());
    },
    LIMIT_MS,
  );

  it(
    'can be filtered by',
    async () => {
      await queryFile(
        join(server.filesFolder, 'filtered.duckdb'),
        `CREATE TABLE docs (id INTEGER PRIMARY KEY, doc JSON); INSERT INTO docs VALUES ${ROWS}`,
      );
      const sync = await make(['duckdb', { path: 'filtered.duckdb' }], 'main.docs');
      await server.client.setSyncSettings(sync.id, { max_loss_percent: 100 }, scene.signal);
      const idsBy = async (filter: Record<string, unknown>) => {
        await scene.send('PATCH', `/api/bulk/syncs/${sync.id}/schemas`, {
          schemas: [{ id: 'main.docs', filters: [filter] }],
        });
        await run(sync.id);
        return (
          await scene.inDestination('SELECT id FROM landing.docs WHERE __millrace_deleted_at IS NULL ORDER BY 1')
        ).flat();
      };
      expect(await idsBy({ field_id: 'price', function: 'GreaterThan', value: 1 })).toEqual([0, 1, 5]);
      expect(await idsBy({ field_id: 'paid', function: 'Equality', value: true })).toEqual([0]);
      expect(await idsBy({ field_id: 'city', function: 'Equality', value: 'Ulm' })).toEqual([0]);
      expect(await idsBy({ field_id: 'at', function: 'IsNotNull' })).toEqual([0, 1]);
    },
    LIMIT_MS,
  );

  it(
    'may lie in a struct',
    async () => {
      await queryFile(
        join(server.filesFolder, 'struct.duckdb'),
        `CREATE TABLE docs (id INTEGER PRIMARY KEY, doc STRUCT(city VARCHAR, price DECIMAL(30,10), items STRUCT(n DOUBLE)[]));
         INSERT INTO docs VALUES (1, {'city': 'Ulm', 'price': 12345678901234567890.0123456789, 'items': [{'n': 1.5::DOUBLE}, {'n': 'nan'::DOUBLE}]})`,
      );
      const sync = await make(['duckdb', { path: 'struct.duckdb' }], 'main.docs');
      await run(sync.id);
      expect(await scene.inDestination('SELECT city, price, second, paid FROM landing.docs')).toEqual([
        ['Ulm', '12345678901234567890.0123456789', 'NaN', null],
      ]);
    },
    LIMIT_MS,
  );

  it(
    'may lie in text of files',
    async () => {
      mkdirSync(join(server.filesFolder, 'in'));
      const csv = DOCUMENTS.map((text, id) => `${id},${text === null ? '' : `"${text.replaceAll('"', '""')}"`}\n`);
      await writeFile(join(server.filesFolder, 'in/docs.csv'), `id,doc\n${csv.join('')}`);
      const sync = await make(['files', { path: 'in', format: 'csv' }], 'docs');
      await run(sync.id);
      expect(await landed('docs')).toEqual(await expected());
    },
    LIMIT_MS,
  );

  it.each([
    ['a value that is none of its type', '{"price": "secret"}'],
    ['text that is no JSON', 'secret'],
  ])(
    'stop the schema at %s, which nobody shows',
    async (_, text) => {
      const name = `bad-${text.length}.duckdb`;
      await queryFile(join(server.filesFolder, name), `CREATE TABLE docs AS SELECT 1 AS id, '${text}' AS doc`);
      const sync = await make(['duckdb', { path: name }], 'main.docs');
      const { execution } = await scene.run(sync.id);
      expect([execution.status, execution.status_message]).toEqual([
        'failed',
        expect.stringMatching(/^(?!.*secret).*could not compute or convert a value/),
      ]);
    },
    LIMIT_MS,
  );
});
