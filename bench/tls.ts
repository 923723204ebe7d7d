import { chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCertificate } from '../tests/setup/certificate.ts';
import { hasKey, inTurns, settled } from './compare.ts';
import { type BenchDatabase, DESTINATION, SOURCE } from './database.ts';
import { type LimitRun, runPsql } from './limits.ts';
import type { BenchOptions } from './options.ts';
import { connectPostgresql, makeSync, type Product } from './product.ts';
import type { Pair, Results } from './results.ts';
import { say } from './say.ts';
import { columnDefinitions, tableName } from './table.ts';

const HOST = 'localhost';

/** psql | psql against the product at depth `counts`, all four sessions encrypted. */
export async function compareTls(
  product: Product,
  database: BenchDatabase,
  { rows, pairs }: BenchOptions,
): Promise<Results['options'][number]> {
  await using certificate = await encrypt(database);
  const tls = { hostname: HOST, ssl: true, ca_cert: certificate.pem };
  const { client } = product;
  const source = await connectPostgresql(client, database.server, { name: 'tls source', database: SOURCE }, tls);
  const postgresql = await connectPostgresql(
    client,
    database.server,
    { name: 'tls destination', database: DESTINATION },
    tls,
  );
  const encrypted = { ...product, connections: { ...product.connections, source, postgresql } };
  const sync = await makeSync(encrypted, { destination: 'postgresql', depth: 'counts', rows });
  say('TLS: one run each to warm up');
  await product.run(sync);
  const buildsKey = await hasKey(database, `bench_counts.${tableName(rows)}`);
  const copy = { from: tableName(rows), columns: columnDefinitions(), buildsKey, sslMode: 'require' } as const;
  await runPsql(database, copy);
  const found: Pair<LimitRun>[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    const measureLimit = () => runPsql(database, copy);
    const [limit, run] = await inTurns(pair, measureLimit, () => settled(database, () => product.run(sync)));
    found.push({ limit, product: run, ratio: limit.wallSeconds / run.wallSeconds });
    say(`  pair ${pair}: limit ${limit.wallSeconds.toFixed(2)} s, Millrace ${run.wallSeconds.toFixed(2)} s`);
  }
  return { title: 'the whole table over TLS, against psql over TLS', goal: 0.93, pairs: found };
}

/** Lets the server take encrypted sessions, too, until it is disposed. */
async function encrypt({ source }: BenchDatabase): Promise<AsyncDisposable & { readonly pem: string }> {
  const { rows } = await source.query<{ data_directory: string }>('SHOW data_directory');
  const folder = rows[0]?.data_directory ?? '';
  const { certificate, key } = createCertificate(HOST);
  const { uid, gid } = statSync(folder);
  for (const [name, text] of [
    ['server.crt', certificate],
    ['server.key', key],
  ] as const) {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    if (process.getuid?.() === 0) chownSync(path, uid, gid);
  }
  await source.query('ALTER SYSTEM SET ssl = on');
  await source.query('SELECT pg_reload_conf()');
  return {
    pem: certificate,
    async [Symbol.asyncDispose]() {
      await source.query('ALTER SYSTEM RESET ssl');
      await source.query('SELECT pg_reload_conf()');
    },
  };
}
