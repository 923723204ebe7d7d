import { createFilesRoot } from '../../../tests/setup/duckdb/duckdb-loads.ts';
import { connectFolder } from '../../../tests/setup/duckdb/parquet-loads.ts';
import { describeDestination } from '../../connector-kit/testing/index.ts';
import { parquet } from './index.ts';

for (const [name, format] of [
  ['A Parquet folder', 'parquet'],
  ['A folder of CSV files', 'csv'],
] as const) {
  describeDestination(
    name,
    async () => {
      const files = await createFilesRoot();
      const connector = await connectFolder(files.root, 'lake', undefined, format);
      return {
        connector,
        reconnect: (failpoint) => connectFolder(files.root, 'lake', failpoint, format),
        async [Symbol.asyncDispose]() {
          await connector[Symbol.asyncDispose]();
          await files[Symbol.asyncDispose]();
        },
      };
    },
    { beforeCommit: 'parquet-before-commit', beforePublish: 'parquet-before-publish' },
    parquet.capabilities.destination?.modes,
  );
}
