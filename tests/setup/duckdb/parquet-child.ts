import { createPlan, runLoad } from './duckdb-loads.ts';
import { connectFolder } from './parquet-loads.ts';

/** Run as a process of its own: replaces a table's files, and kills itself without mercy at the named point. */
const [root = '', path = '', point = ''] = process.argv.slice(2);
const connector = await connectFolder(root, path, (name) => {
  if (name === point) process.kill(process.pid, 'SIGKILL');
});
const plan = createPlan(connector, {
  fields: { '*id': { kind: 'integer', bits: 64 } },
  generation: 2,
  table: { schema: '', name: 'flights' },
});
await runLoad(
  connector,
  plan,
  Array.from({ length: 100_000 }, (_, i) => [`${i}`]),
);
