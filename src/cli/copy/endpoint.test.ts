import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseEndpoint, withHeader } from './endpoint.ts';

let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-ends-')));
  for (const name of ['csv', 'mixed', 'empty']) mkdirSync(join(folder, name));
  for (const file of ['csv/a.csv', 'csv/b.CSV', 'mixed/a.csv', 'mixed/b.parquet', 'orders.csv', 'shop.duckdb'])
    writeFileSync(join(folder, file), '');
  symlinkSync(join(folder, 'csv'), join(folder, 'link'));
});

afterEach(() => rmSync(folder, { recursive: true }));

const from = (text: string) => parseEndpoint(text, 'from', folder);
const to = (text: string) => parseEndpoint(text, 'to', folder);
const file = (type: string, name: string, more: object = {}) => {
  const path = join(folder, name);
  return { kind: 'new', type, configuration: { path, ...more }, path };
};

describe('a source', () => {
  it('is known by the ending of a file', () => {
    expect(from('orders.csv')).toEqual(file('files', 'orders.csv', { format: 'csv' }));
    expect(from('./data/x.parquet')).toEqual(file('files', 'data/x.parquet', { format: 'parquet' }));
    expect(from('logs/*.ndjson')).toEqual(file('files', 'logs/*.ndjson', { format: 'json' }));
    expect(from('shop.duckdb')).toEqual(file('duckdb', 'shop.duckdb'));
  });

  it('may be a folder of one kind of file, through a link as well', () => {
    expect(from('csv')).toEqual(file('files', 'csv', { format: 'csv' }));
    expect(from('link/')).toEqual(file('files', 'csv', { format: 'csv' }));
    expect(() => from('mixed')).toThrow('say which with csv:mixed or parquet:mixed');
    expect(from('parquet:mixed')).toEqual(file('files', 'mixed', { format: 'parquet' }));
    expect(() => from('empty')).toThrow('holds no CSV');
  });

  it('is known by what readers of a Parquet folder see', () => {
    const generation = join(folder, 'lake/orders/.millrace/g1');
    mkdirSync(generation, { recursive: true });
    for (const name of ['a.parquet', '_manifest.json', '../table.json']) writeFileSync(join(generation, name), '');
    symlinkSync('.millrace/g1', join(folder, 'lake/orders/current'));
    symlinkSync('..', join(folder, 'lake/around'));
    rmSync(join(folder, 'csv'), { recursive: true });
    for (const name of ['mixed', 'orders.csv', 'link']) rmSync(join(folder, name), { recursive: true });
    expect(from('lake')).toEqual(file('files', 'lake', { format: 'parquet' }));
  });

  it('of CSV files says what their first lines hold, where it is told', () => {
    const headed = (header: string) => withHeader(from('orders.csv'), header);
    expect(headed('true')).toEqual(file('files', 'orders.csv', { format: 'csv', header: true }));
    expect(headed('false')).toEqual(file('files', 'orders.csv', { format: 'csv', header: false }));
    expect(headed('auto')).toEqual(file('files', 'orders.csv', { format: 'csv', header: 'auto' }));
    expect(withHeader(from('shop'), undefined)).toEqual(from('shop'));
    for (const other of ['shop', 'shop.duckdb', 'x.parquet', 'postgres://me@db/x'])
      expect(() => withHeader(from(other), 'true')).toThrow('--header');
  });

  it('has to be there', () => {
    expect(() => from('gone.duckdb')).toThrow('there is no file');
    expect(() => from('gone/')).toThrow('there is no folder');
    expect(() => from('csv/*')).toThrow('csv:csv/*');
  });
});

describe('a destination', () => {
  it('is a folder for Parquet or CSV, or a DuckDB file', () => {
    expect(to('lake/')).toEqual(file('parquet', 'lake'));
    expect(to('parquet:lake')).toEqual(file('parquet', 'lake'));
    expect(to('empty')).toEqual(file('parquet', 'empty'));
    expect(to('csv:out')).toEqual(file('parquet', 'out', { format: 'csv' }));
    expect(to('new.duckdb')).toEqual(file('duckdb', 'new.duckdb'));
    expect(to('duckdb:data')).toEqual(file('duckdb', 'data'));
  });

  it('is no single file', () => {
    expect(() => to('orders.parquet')).toThrow('name one, such as orders/');
    expect(() => to('data/orders.csv.gz')).toThrow('name one, such as csv:data/orders/');
    expect(() => to('csv:orders.csv')).toThrow('name one, such as csv:orders/');
    expect(() => to('orders.json')).toThrow('json files cannot be written');
  });
});

describe('a path of another machine', () => {
  it('is sent as it is written', () => {
    expect(parseEndpoint('x.duckdb', 'from', null)).toMatchObject({ configuration: { path: 'x.duckdb' } });
    expect(parseEndpoint('data/x.csv', 'from', null)).toMatchObject({ configuration: { path: 'data/x.csv' } });
    expect(parseEndpoint('lake/', 'to', null)).toMatchObject({ type: 'parquet', configuration: { path: 'lake/' } });
    expect(() => parseEndpoint('data/', 'from', null)).toThrow('csv:data/');
  });
});

describe('either', () => {
  it('is a saved connection where it is nothing else', () => {
    expect(from('shop')).toEqual({ kind: 'saved', idOrName: 'shop' });
    expect(to('connection:lake/x')).toEqual({ kind: 'saved', idOrName: 'lake/x' });
  });

  it('is a PostgreSQL URL, encrypted except to this machine', () => {
    const { configuration } = { configuration: {}, ...from('postgresql://me:p%40ss@db.example.com/shop') };
    expect(configuration).toEqual({
      hostname: 'db.example.com',
      port: 5432,
      username: 'me',
      password: 'p@ss',
      database: 'shop',
      ssl: true,
    });
    expect(to('postgres://me@[::1]:5433/x')).toMatchObject({
      configuration: { hostname: '::1', port: 5433, ssl: false },
    });
    expect(to('postgres://me@127.0.0.1/x?sslmode=verify-full')).toMatchObject({ configuration: { ssl: true } });
    expect(to('postgres://me@db/x?sslmode=disable')).toMatchObject({ configuration: { ssl: false } });
  });

  it.each([
    ['postgres://me@db', 'no database'],
    ['postgres://db/x', 'no user'],
    ['postgres:///x', 'Not a PostgreSQL URL'],
    ['postgres://me:secret@db/x?sslmode=prefer', 'sslmode=prefer'],
    ['postgres://me:secret@db/x?application_name=y', '"application_name"'],
    ['mysql://me:secret@db/x', 'mysql://'],
  ])('is refused with the reason and without the password: %s', (text, reason) => {
    expect(() => from(text)).toThrow(reason);
    expect(() => from(text)).not.toThrow('secret');
  });
});
