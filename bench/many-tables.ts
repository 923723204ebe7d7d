import { type BenchDatabase, connect } from './database.ts';
import { connectPostgresql, type Product } from './product.ts';
import type { ManyTables } from './results.ts';
import { say } from './say.ts';

const DESTINATION = 'bench_many_destination';
const RECORDS = 10;
const MADE_AT_ONCE = 50;

/** One sync of many small tables, twice: into tables that it makes, and into the same with nothing changed. */
export async function measureManyTables(
  product: Product,
  { server }: BenchDatabase,
  tables: number,
): Promise<ManyTables> {
  const source = `bench_many_${tables}`;
  await using admin = await openAdmin(server);
  await admin.provideSource(source, tables);
  await admin.makeDestination();
  say(`tables: a sync of ${tables}`);
  const { client } = product;
  const sync = await client.createBulkSync({
    name: `bench ${tables} tables`,
    mode: 'replicate',
    source_connection_id: await connectPostgresql(client, server, { name: source, database: source }),
    destination_connection_id: await connectPostgresql(client, server, { name: DESTINATION, database: DESTINATION }),
    destination_configuration: { schema: 'landing' },
    default_schedule: { frequency: 'manual' },
    schemas: Array.from({ length: tables }, (_, number) => `public.t${number}`),
  });
  const first = await product.run(sync);
  say(`  first execution: ${first.wallSeconds.toFixed(1)} s`);
  const second = await product.run(sync);
  say(`  second execution: ${second.wallSeconds.toFixed(1)} s`);
  return { tables, first, second };
}

async function openAdmin(server: BenchDatabase['server']) {
  const client = await connect(server, 'postgres');
  const dropDestination = () => client.query(`DROP DATABASE IF EXISTS ${DESTINATION} WITH (FORCE)`);
  return {
    /** Kept for the next time. */
    async provideSource(name: string, tables: number): Promise<void> {
      const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
      if (rowCount === 1) return;
      say(`${tables} tables of ${RECORDS} records`);
      await client.query('DROP DATABASE IF EXISTS bench_many_draft WITH (FORCE)');
      await client.query('CREATE DATABASE bench_many_draft');
      await makeTables(server, 'bench_many_draft', tables);
      await client.query(`ALTER DATABASE bench_many_draft RENAME TO ${name}`);
    },
    async makeDestination(): Promise<void> {
      await dropDestination();
      await client.query(`CREATE DATABASE ${DESTINATION}`);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await dropDestination();
      await client.end();
    },
  };
}

async function makeTables(server: BenchDatabase['server'], database: string, tables: number): Promise<void> {
  const client = await connect(server, database);
  for (let first = 0; first < tables; first += MADE_AT_ONCE) {
    const count = Math.min(MADE_AT_ONCE, tables - first);
    const statements = Array.from({ length: count }, (_, index) => toStatements(`t${first + index}`));
    await client.query(statements.join('; '));
  }
  await client.query('VACUUM ANALYZE');
  await client.end();
}

function toStatements(table: string): string {
  return `CREATE TABLE ${table} (id integer PRIMARY KEY, name text, amount numeric(12,2), changed_at timestamptz NOT NULL);
    INSERT INTO ${table} SELECT i, 'name ' || i, i / 4.0, '2024-01-01Z' FROM generate_series(1, ${RECORDS}) i`;
}
