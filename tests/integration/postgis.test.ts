import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connector } from '../../src/connector-kit/index.ts';
import { connectFile, createFilesRoot, queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { type PostgisServer, startPostgisServer } from '../setup/postgis-server.ts';
import { type Copy, connectDatabase, copySchema, NEVER, openSide, type Side } from '../setup/postgresql-loads.ts';
import { findPostgis } from '../setup/system-packages.ts';

// Real PostGIS: what its types become, and that they are the same afterwards.

const SHAPES = `
  CREATE TABLE shapes (id int PRIMARY KEY, any_shape geometry, place geometry(Point, 4326), high geometry(PointZM, 3857), earth geography,
    way geography(LineString, 4326));
  INSERT INTO shapes VALUES
    (1, 'SRID=4326;POINT(13.4 52.5)', 'SRID=4326;POINT(13.4 52.5)', 'SRID=3857;POINT ZM(1 2 3 4)', 'POINT(13.4 52.5)', 'LINESTRING(0 0, 1e-10 89.999999999)'),
    (2, 'POLYGON((0 0, 4 0, 4 4, 0 0), (1 1, 2 1, 2 2, 1 1))', NULL, NULL, NULL, NULL),
    (3, 'GEOMETRYCOLLECTION(POINT(0.1 0.2), MULTIPOINT((1 1), (-0 2)))', 'SRID=4326;POINT EMPTY', NULL, 'SRID=4326;MULTIPOLYGON EMPTY', NULL),
    (4, 'CURVEPOLYGON(CIRCULARSTRING(0 0, 4 0, 4 4, 0 4, 0 0))', NULL, NULL, 'POLYGON((0 0, 10 0, 10 10, 0 0))', NULL),
    (5, ST_Buffer('POINT(0 0)', 1, 500), NULL, NULL, NULL, NULL);
  CREATE TABLE many AS SELECT 1 AS id, ARRAY['POINT(0.12345678901234567 1)'::geometry] AS places;
  CREATE VIEW as_bytes AS SELECT id, ST_AsBinary(any_shape) AS shape, ST_AsText(place) AS place FROM shapes`;
const FIELDS = ['any_shape', 'place', 'high', 'earth', 'way'];

describe.skipIf(findPostgis() === undefined)('PostGIS', () => {
  let server: PostgisServer;
  let source: Connector;
  let destination: Side;
  let files: Awaited<ReturnType<typeof createFilesRoot>>;
  let generation = 0;

  beforeAll(async () => {
    server = await startPostgisServer();
    await server.sql(SHAPES);
    source = await connectDatabase(server.url);
    destination = await openSide();
    files = await createFilesRoot();
  }, 60_000);

  afterAll(async () => {
    await source[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await destination[Symbol.asyncDispose]();
    await files[Symbol.asyncDispose]();
  });

  const copy = (to: Connector, schemaId = 'public.shapes', given: Copy['plan'] = {}) => {
    generation += 1;
    return copySchema({ source, destination: to, schemaId, plan: { generation, ...given } });
  };
  const asText = `SELECT id::text, ${FIELDS.map((field) => `${field}::text`).join(', ')} FROM shapes ORDER BY id::int`;

  it('is offered as text, which the plan says of each field', async () => {
    const schema = (await source.source?.discover(NEVER))?.find(({ id }) => id === 'public.shapes');
    const offers = source.source?.offer(schema?.fields ?? []) ?? [];
    expect(offers.length).toBeGreaterThan(0);
    for (const offer of offers) {
      const told = offer.fields.filter(({ id }) => FIELDS.includes(id));
      expect(told.map(({ wireType, logicalType }) => [wireType, logicalType.kind])).toEqual(
        FIELDS.map(() => ['text', 'text']),
      );
      expect(told.map(({ conversion }) => conversion)).toEqual(
        FIELDS.map(() => expect.stringMatching(/geometry|geography/)),
      );
    }
  });

  it('lands in a PostgreSQL that does not know it as hexadecimal EWKB, and follows changes', async () => {
    const first = await copy(destination.connector);
    expect(first.found).toEqual(first.expected);
    expect(await destination.sql(asText)).toEqual(await server.sql(asText));
    await server.sql(`UPDATE shapes SET place = 'SRID=4326;POINT(13.4 52.500000000000007)' WHERE id = 1`);
    const second = await copy(destination.connector, 'public.shapes', { kind: 'merge' });
    expect(second.counts).toMatchObject({ inserted: 0, updated: 1, unchanged: 4, deleted: 0 });
    expect(second.found).toEqual(second.expected);
    // PostGIS makes the same shapes of the text again.
    const landed = await destination.sql(asText);
    const rows = landed.map((row) => `(${row.map((text) => (text === null ? 'NULL' : `'${text}'`)).join(', ')})`);
    const same = FIELDS.map((field, index) => {
      const type = field === 'earth' || field === 'way' ? 'geography' : 'geometry';
      return `s.${field}::bytea IS NOT DISTINCT FROM l.c${index}::${type}::bytea`;
    });
    const names = FIELDS.map((_, index) => `c${index}`).join(', ');
    const equal = `SELECT count(*) FROM shapes s JOIN (VALUES ${rows.join(', ')}) l (id, ${names}) ON s.id = l.id::int WHERE ${same.join(' AND ')}`;
    expect(await server.sql(equal)).toEqual([['5']]);
  });

  it('lands as text in a database that has PostGIS, too', async () => {
    const there = { table: { schema: 'landed', name: 'shapes' } };
    const both = await copy(source, 'public.shapes', there);
    expect(both.found).toEqual(both.expected);
    expect(await server.sql(asText.replace('FROM shapes', 'FROM landed.shapes'))).toEqual(await server.sql(asText));
    await server.sql('DROP SCHEMA landed CASCADE; DROP SCHEMA __millrace CASCADE');
  });

  it('in arrays is text in PostgreSQL, and GeoJSON, which the plan names, in DuckDB', async () => {
    const schema = (await source.source?.discover(NEVER))?.find(({ id }) => id === 'public.many');
    const told = source.source
      ?.offer(schema?.fields ?? [])
      .map(({ fields }) => fields.map(({ conversion }) => conversion));
    expect(told).toEqual([
      [null, 'places: geometry[] as text'],
      [null, 'places: geometry[] as json'],
    ]);
    const first = await copy(destination.connector, 'public.many');
    expect(first.found).toEqual(first.expected);
    expect(await destination.sql('SELECT places FROM many')).toEqual(await server.sql('SELECT places::text FROM many'));
    const file = await connectFile(files.root, 'many.duckdb');
    await copy(file, 'public.many').finally(() => file[Symbol.asyncDispose]());
    const [[places] = []] = await queryFile(join(files.root, 'many.duckdb'), 'SELECT places::VARCHAR FROM many');
    expect(JSON.parse(String(places))).toEqual([{ type: 'Point', coordinates: [0.123456789012346, 1] }]);
  });

  it('lands in DuckDB as the same text; WKB that a view makes lands as bytes', async () => {
    const file = await connectFile(files.root, 'shapes.duckdb');
    try {
      for (const schemaId of ['public.shapes', 'public.as_bytes']) {
        const { found, expected } = await copy(file, schemaId);
        expect(found).toEqual(expected);
      }
    } finally {
      await file[Symbol.asyncDispose]();
    }
    const path = join(files.root, 'shapes.duckdb');
    expect(await queryFile(path, asText.replaceAll('::text', '::VARCHAR'))).toEqual(await server.sql(asText));
    const hexadecimal = `SELECT id::VARCHAR, lower(hex(shape)), place FROM as_bytes ORDER BY id`;
    const bytes = `SELECT id::text, encode(shape, 'hex'), place FROM as_bytes ORDER BY id`;
    expect(await queryFile(path, hexadecimal)).toEqual(await server.sql(bytes));
  });
});
