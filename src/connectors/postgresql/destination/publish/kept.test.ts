import { afterAll, beforeAll, expect, it } from 'vitest';
import { copySchema, openSide, type Side } from '../../../../../tests/setup/postgresql-loads.ts';

let source: Side;
let destination: Side;
let generation = 0;

beforeAll(async () => {
  source = await openSide();
  destination = await openSide();
  await source.sql(`CREATE TYPE mood AS ENUM ('fine', 'bad')`);
});

afterAll(async () => {
  await source[Symbol.asyncDispose]();
  await destination[Symbol.asyncDispose]();
});

it.each([
  ['bytea', `'\\x00ff'`, `'\\x61'`],
  ['inet', `'10.0.0.1/8'`, `'::1'`],
  ['time with time zone', `'12:00+01'`, `'12:00+02'`],
  ['interval', `'1 day'`, `'1 mon'`],
  ['integer[]', `'{1,2}'`, `'{}'`],
  ['int4range', `'[1,5)'`, `'empty'`],
  ['bit varying(9)', `B'1'`, `B'10'`],
  ['character(5)', `'a'`, `'b'`],
  ['boolean', 'true', 'false'],
  ['double precision', '0.1', `'NaN'`],
  ['timestamp with time zone', `'2026-01-01 12:00+05'`, `'infinity'`],
  ['mood', `'fine'`, `'bad'`],
])('keeps the last good version of a refused record under a key of type %s', async (type, refused, gone) => {
  await source.sql('DROP TABLE IF EXISTS notes');
  await destination.sql('DROP TABLE IF EXISTS notes');
  await source.sql(`CREATE TABLE notes (part integer, key ${type}, note text, PRIMARY KEY (part, key))`);
  await source.sql(`INSERT INTO notes VALUES (1, ${refused}, 'good'), (2, ${refused}, 'good'), (1, ${gone}, 'good')`);
  const merge = () =>
    copySchema({
      source: source.connector,
      destination: destination.connector,
      schemaId: 'public.notes',
      types: { note: 'character varying(8)' },
      isolate: true,
      plan: { kind: 'merge', tombstones: true, generation: ++generation },
    });
  await merge();
  await source.sql(`UPDATE notes SET note = 'much too long for it' WHERE part = 1 AND key = ${refused}`);
  await source.sql(`DELETE FROM notes WHERE key = ${gone}`);
  const { rejects, counts, found, expected } = await merge();
  expect(rejects).toHaveLength(1);
  expect(counts).toMatchObject({ inserted: 0, updated: 0, unchanged: 1, deleted: 1 });
  expect(found).toEqual(expected);
  const living = await destination.sql(
    'SELECT part, note FROM notes WHERE __millrace_deleted_at IS NULL ORDER BY part',
  );
  expect(living).toEqual([
    ['1', 'good'],
    ['2', 'good'],
  ]);
});
