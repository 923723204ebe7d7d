import { connectDatabase, openSide } from '../../../tests/setup/postgresql-loads.ts';
import { describeDestination, describeSource } from '../../connector-kit/testing/index.ts';

describeDestination(
  'PostgreSQL',
  async () => {
    const side = await openSide();
    return {
      connector: side.connector,
      reconnect: (failpoint) => connectDatabase(side.url, { failpoint }),
      [Symbol.asyncDispose]: () => side[Symbol.asyncDispose](),
    };
  },
  { beforeCommit: 'postgresql:segment-fenced', beforePublish: 'postgresql:publish-fenced' },
);

describeSource('PostgreSQL', async () => {
  const side = await openSide();
  await side.sql('CREATE TABLE notes (id int PRIMARY KEY, note text, n numeric, at timestamptz)');
  await side.sql(`INSERT INTO notes SELECT i, repeat('x', 200), i / 7.0, now() FROM generate_series(1, 10000) i`);
  return {
    connector: side.connector,
    reconnect: () => connectDatabase(side.url),
    schemaId: 'public.notes',
    records: 10_000,
    segmentBytes: 500_000,
    async write() {
      await side.sql(`UPDATE notes SET note = 'changed' WHERE id % 3 = 0`);
      await side.sql('DELETE FROM notes WHERE id % 5 = 0');
      await side.sql(`INSERT INTO notes SELECT i FROM generate_series(20000, 21000) i`);
    },
    [Symbol.asyncDispose]: () => side[Symbol.asyncDispose](),
  };
});
