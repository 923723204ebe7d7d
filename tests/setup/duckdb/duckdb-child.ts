import { connectFile, createPlan, runLoad } from './duckdb-loads.ts';

/** Run as a process of its own: replaces a table's records, and kills itself without mercy at the named point. */
const [root = '', path = '', point = ''] = process.argv.slice(2);
const connector = await connectFile(root, path, (name) => {
  if (name === point) process.kill(process.pid, 'SIGKILL');
});
const plan = createPlan(connector, { fields: { '*id': { kind: 'integer', bits: 64 } }, generation: 2 });
await runLoad(
  connector,
  plan,
  Array.from({ length: 200_000 }, (_, i) => [`${i}`]),
);
