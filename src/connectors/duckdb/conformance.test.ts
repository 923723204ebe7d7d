import { connectFile, createFilesRoot, queryFile } from '../../../tests/setup/duckdb/duckdb-loads.ts';
import { tryInProcess } from '../../../tests/setup/duckdb/duckdb-process.ts';
import { describeDestination, describeSource } from '../../connector-kit/testing/index.ts';

describeDestination(
  'A DuckDB file',
  async () => {
    const files = await createFilesRoot();
    const connector = await connectFile(files.root, 'a.duckdb');
    return {
      connector,
      reconnect: (failpoint) => connectFile(files.root, 'a.duckdb', failpoint),
      async [Symbol.asyncDispose]() {
        await connector[Symbol.asyncDispose]();
        await files[Symbol.asyncDispose]();
      },
    };
  },
  { beforeCommit: 'duckdb-before-commit', beforePublish: 'duckdb-before-publish' },
);

describeSource('A DuckDB file', async () => {
  const files = await createFilesRoot();
  const path = `${files.root}/a.duckdb`;
  await queryFile(
    path,
    `CREATE TABLE notes AS SELECT i::INTEGER AS id, repeat('x', 200) AS note, (i / 7.0)::DECIMAL(20,6) AS n, now() AS at FROM range(10000) r(i)`,
  );
  const connector = await connectFile(files.root, 'a.duckdb');
  return {
    connector,
    reconnect: () => connectFile(files.root, 'a.duckdb'),
    schemaId: 'main.notes',
    records: 10_000,
    segmentBytes: 500_000,
    async write() {
      // As long as somebody reads it, DuckDB lets nobody write it.
      const refusal = await tryInProcess(path, 'DELETE FROM notes');
      if (refusal?.includes('lock') !== true) throw new Error(`the file was written while it was read: ${refusal}`);
    },
    async [Symbol.asyncDispose]() {
      await connector[Symbol.asyncDispose]();
      await files[Symbol.asyncDispose]();
    },
  };
});
