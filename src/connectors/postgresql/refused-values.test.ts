import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../tests/setup/databases.ts';
import { toSyncError } from './errors.ts';

const scene = { action: 'Writing "public"."orders"', address: 'db:5432/app', side: 'destination' } as const;

/** Statements that a server refuses for a value, and what of that people are told. */
const REFUSED: Readonly<Record<string, string>> = {
  'SELECT 5 / 0': 'division by zero (SQLSTATE 22012)',
  "INSERT INTO short VALUES (B'10101')": 'value of another length (SQLSTATE 22026)',
  "SELECT '99999999999 years'::interval": 'interval out of range (SQLSTATE 22015)',
  "SELECT '2020-01-01 00:00+99'::timestamptz": 'time zone out of range (SQLSTATE 22009)',
  'SELECT ln(0)': 'logarithm that does not exist (SQLSTATE 2201E)',
  'SELECT sqrt(-5)': 'power or root that does not exist (SQLSTATE 2201F)',
  "SELECT 'a' ~ '(s3cret'": 'invalid regular expression (SQLSTATE 2201B)',
  'SELECT ARRAY[[1], [2, 3]]': 'array with wrong bounds (SQLSTATE 2202E)',
  'SELECT array_fill(1, ARRAY[NULL::int])': 'NULL where none is allowed (SQLSTATE 22004)',
  "SELECT 's3cret!' LIKE E's3cret\\\\'": 'invalid escape sequence (SQLSTATE 22025)',
  "SELECT 's3cret' LIKE 'a' ESCAPE 'ab'": 'invalid escape sequence (SQLSTATE 22025)',
  "SELECT nextval('one'), nextval('one'), nextval('one')": 'sequence at its end (SQLSTATE 2200H)',
  "SELECT json_object_agg_unique(k, 1) FROM (VALUES ('s3cret'), ('s3cret')) t(k)":
    'key that is twice in a JSON object (SQLSTATE 22030)',
  'DELETE FROM parents': 'record that others refer to (SQLSTATE 23001), constraint children_id_fkey',
  "SELECT repeat('[', 100000)::jsonb": 'value or trigger nested too deeply (SQLSTATE 54001)',
  'DO $$ BEGIN ASSERT false; END $$': 'refused by a trigger (SQLSTATE P0004)',
  "DO $$ BEGIN RAISE 's3cret' USING ERRCODE = '23ABC'; END $$": 'constraint violated (SQLSTATE 23ABC)',
};

describe('a value that a server refuses', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client(database.url);
    await client.connect();
    await client.query(`CREATE TABLE short (bits bit(4)); CREATE SEQUENCE one MAXVALUE 2;
      CREATE TABLE parents (id int PRIMARY KEY); CREATE TABLE children (id int REFERENCES parents ON DELETE RESTRICT);
      INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1)`);
  });
  afterAll(async () => {
    await client.end();
    await database[Symbol.asyncDispose]();
  });

  it.each(Object.entries(REFUSED))('is told of in words, without it: %s', async (sql, reason) => {
    const error = toSyncError(await client.query(sql).catch((thrown: unknown) => thrown), scene);
    expect(error).toMatchObject({ code: 'RECORD_REFUSED', detail: { reason } });
    expect(error.message).not.toContain('s3cret');
  });
});
