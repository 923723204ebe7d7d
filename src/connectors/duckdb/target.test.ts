import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { connectFile, createFilesRoot, queryFile } from '../../../tests/setup/duckdb/duckdb-loads.ts';

const LIMIT = AbortSignal.timeout(30_000);

it('offers the tables of a file as targets, and schemas for new ones', async () => {
  await using files = await createFilesRoot();
  await queryFile(
    `${files.root}/a.duckdb`,
    `CREATE SCHEMA "odd.name"; CREATE SCHEMA __millrace; CREATE TABLE __millrace.owners (id INTEGER);
     CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL DEFAULT 'nobody', tags VARCHAR[], twice INTEGER GENERATED ALWAYS AS (id * 2));
     COMMENT ON COLUMN people.name IS 'As it is said'; CREATE TABLE "odd.name".orders (person INTEGER, total DECIMAL(9,2) NOT NULL);
     CREATE VIEW shown AS SELECT * FROM people`,
  );
  await using connector = await connectFile(files.root, 'a.duckdb');
  const { target } = connector;
  expect((await target?.listObjects(LIMIT))?.map(({ id }) => id)).toEqual(['main.people', '"odd.name".orders']);
  expect((await target?.creationProperties(LIMIT))?.[0]?.values?.map(({ value }) => value)).toEqual([
    'main',
    'odd.name',
  ]);
  expect(target?.toObjectId({ schema: 'odd.name', name: 'orders' })).toBe('"odd.name".orders');
  const people = new Map((await target?.describeFields('main.people', LIMIT))?.map((field) => [field.id, field]));
  expect(people.get('id')).toMatchObject({ type: 'number', isRequired: true, identityFunctions: ['Equality'] });
  expect(people.get('name')).toMatchObject({ isRequired: false, description: 'As it is said', isCreateable: true });
  expect(people.get('tags')).toMatchObject({ type: 'array', identityFunctions: [], isFilterable: false });
  expect(people.get('twice')).toMatchObject({ isRequired: false, isCreateable: false, isUpdateable: false });
  for (const unknown of ['main.shown', 'main.gone', '__millrace.owners']) {
    expect(await target?.describeFields(unknown, LIMIT)).toBeNull();
  }
});

it('offers the first table of a file that is still to be made, and makes no file for it', async () => {
  await using files = await createFilesRoot();
  await using connector = await connectFile(files.root, 'new.duckdb');
  expect(await connector.target?.listObjects(LIMIT)).toEqual([]);
  expect(await connector.target?.describeFields('main.people', LIMIT)).toBeNull();
  const [schema, name] = (await connector.target?.creationProperties(LIMIT)) ?? [];
  expect([schema?.values, name]).toEqual([[{ label: 'main', value: 'main' }], { id: 'name', title: 'Table name' }]);
  expect(existsSync(`${files.root}/new.duckdb`)).toBe(false);
});
