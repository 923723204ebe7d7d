import { setTimeout as delay } from 'node:timers/promises';
import type { BulkSyncBody } from '../src/contract/index.ts';
import { inTurns, settled } from './compare.ts';
import { type BenchDatabase, SOURCE } from './database.ts';
import { type LimitRun, runPsqlUpsert } from './limits.ts';
import type { BenchOptions } from './options.ts';
import { connectPostgresql, type Product } from './product.ts';
import type { Pair, Results } from './results.ts';
import { say } from './say.ts';
import { COLUMNS, tableName } from './table.ts';

const SOURCE_TABLE = 'changing_lines';
const TARGET = 'psql_upserted';
/** The next lower bound lies five seconds before the snapshot: later changes would be read twice. */
const SLACK_MS = 6_000;

/** A tenth of the records changes before each round; both sides read it by the time of its change, and upsert it. */
export async function compareUpsert(
  product: Product,
  database: BenchDatabase,
  { rows, pairs }: BenchOptions,
): Promise<Results['options'][number]> {
  say('upsert: a table that changes, and its first load on both sides');
  await makeTables(database, rows);
  const columns = COLUMNS.map(([name]) => name).filter((name) => name !== 'id');
  await runPsqlUpsert(database, { select: `SELECT * FROM ${SOURCE_TABLE}`, into: TARGET, columns });
  const sync = await makeSync(product, database);
  await product.run(sync);
  const found: Pair<LimitRun>[] = [];
  for (let pair = 0; pair <= pairs; pair += 1) {
    const since = await changeTenth(database, pair % 10);
    await delay(SLACK_MS);
    const select = `SELECT * FROM ${SOURCE_TABLE} WHERE updated_at >= '${since}'`;
    const measureLimit = () => runPsqlUpsert(database, { select, into: TARGET, columns });
    const [limit, run] = await inTurns(pair, measureLimit, () => settled(database, () => product.run(sync)));
    say(`  pair ${pair}: limit ${limit.wallSeconds.toFixed(2)} s, Millrace ${run.wallSeconds.toFixed(2)} s`);
    // Round 0 warms up.
    if (pair > 0) found.push({ limit, product: run, ratio: limit.wallSeconds / run.wallSeconds });
  }
  await database.source.query(`DROP TABLE ${SOURCE_TABLE}`);
  await database.destination.query(`DROP TABLE ${TARGET}`);
  return { title: 'upsert of 10 %, against a staging table and INSERT … ON CONFLICT', goal: 0.9, pairs: found };
}

async function makeTables({ source, destination }: BenchDatabase, rows: number): Promise<void> {
  await source.query(`DROP TABLE IF EXISTS ${SOURCE_TABLE}`);
  await source.query(`CREATE TABLE ${SOURCE_TABLE} (LIKE ${tableName(rows)} INCLUDING ALL)`);
  await source.query(`INSERT INTO ${SOURCE_TABLE} SELECT * FROM ${tableName(rows)}`);
  await source.query(`VACUUM (FREEZE, ANALYZE) ${SOURCE_TABLE}`);
  const columns = COLUMNS.map(([name, type]) => `${name} ${type}`).join(', ');
  await destination.query(`DROP TABLE IF EXISTS ${TARGET}; CREATE TABLE ${TARGET} (${columns}, PRIMARY KEY (id))`);
}

/** A connection of its own, made now: it knows the table. */
async function makeSync({ client, connections }: Product, { server }: BenchDatabase): Promise<BulkSyncBody> {
  const source = await connectPostgresql(client, server, { name: 'changing', database: SOURCE });
  const sync = await client.createBulkSync({
    name: 'bench upsert',
    mode: 'replicate',
    source_connection_id: source,
    destination_connection_id: connections.postgresql,
    // The limit adds no columns either: neither a mark of deleted records, nor times.
    destination_configuration: { schema: 'bench_upsert', advanced: { hard_deletes: true } },
    default_schedule: { frequency: 'manual' },
    disable_record_timestamps: true,
    schemas: [{ id: `public.${SOURCE_TABLE}`, tracking_field: 'updated_at' }],
  });
  await client.setSyncSettings(sync.id, { receipt_depth: 'counts' });
  return sync;
}

/**
 * Changes every tenth record and answers the time from which on they are found. The first to read changed records marks them as
 * committed, which writes their pages; a vacuum does so before either side reads.
 */
async function changeTenth({ source }: BenchDatabase, rest: number): Promise<string> {
  const { rows } = await source.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  await source.query(
    `UPDATE ${SOURCE_TABLE} SET quantity = quantity + 1, updated_at = clock_timestamp() WHERE id % 10 = ${rest}`,
  );
  await source.query(`VACUUM ${SOURCE_TABLE}`);
  return rows[0]?.now ?? '';
}
