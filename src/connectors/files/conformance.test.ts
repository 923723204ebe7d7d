import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connectFiles, createFilesRoot, queryFile } from '../../../tests/setup/duckdb/duckdb-loads.ts';
import { describeSource } from '../../connector-kit/testing/index.ts';

const QUERY = `SELECT i::INTEGER AS id, repeat('x', 200) AS note, (i / 7.0)::DECIMAL(20,6) AS n, now() AS at`;

// Bytes of one segment: Parquet holds these records in far fewer.
for (const [format, options, segmentBytes] of [
  ['csv', 'FORMAT csv, HEADER', 700_000],
  ['parquet', 'FORMAT parquet', 100_000],
  ['json', 'FORMAT json', 700_000],
] as const) {
  describeSource(`A folder of ${format} files`, async () => {
    const files = await createFilesRoot();
    const write = async (name: string, from: number, to: number) => {
      const path = `${files.root}/notes/${name}.${format}`;
      await queryFile(':memory:', `COPY (${QUERY} FROM range(${from}, ${to}) r(i)) TO '${path}' (${options})`);
      return path;
    };
    await mkdir(`${files.root}/notes`);
    for (let part = 0; part < 4; part += 1) await write(`part${part}`, part * 2500, part * 2500 + 2500);
    const connector = await connectFiles(files.root, 'notes/*', format);
    return {
      connector,
      reconnect: () => connectFiles(files.root, 'notes/*', format),
      schemaId: 'notes',
      records: 10_000,
      segmentBytes,
      // Files that come later are none of the image; those of the image must stay as they are.
      write: async () => {
        const path = await write('part9', 20_000, 21_000);
        await writeFile(`${path}.txt`, await readFile(path));
      },
      async [Symbol.asyncDispose]() {
        await connector[Symbol.asyncDispose]();
        await files[Symbol.asyncDispose]();
      },
    };
  });
}
