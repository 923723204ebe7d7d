import { describe, expect, it } from 'vitest';
import { useBulkFixture } from '../setup/bulk-fixture.ts';
import { listTypedPaths, readExample } from './contract.ts';

const fixture = useBulkFixture();

/** Every option of a sync, as the published example has them. */
const EVERYTHING = {
  active: true,
  mode: 'snapshot',
  source_configuration: { replication_slot: 'slot' },
  destination_configuration: { schema: 'my_schema' },
  automatically_add_new_objects: 'all',
  concurrency_limit: 50,
  resync_concurrency_limit: 10,
  data_cutoff_timestamp: '2023-04-25T12:00:00Z',
  default_schedule: {
    frequency: 'manual',
    day_of_month: '1',
    day_of_week: 'monday',
    hour: '12',
    minute: '30',
    month: '1',
  },
  additional_schedules: [
    { frequency: 'weekly', day_of_week: 'monday', hour: '12', minute: '30', selective_mode: 'nonincrementalFields' },
    { frequency: 'continuous', selective_mode: 'incrementalFields' },
  ],
};

async function get(url: string, version: string): Promise<unknown> {
  const answer = await fixture.api.send({ url, version });
  expect([url, answer.statusCode]).toEqual([url, 200]);
  return answer.json();
}

/** The parts of the example that our answer lacks. */
function missingFrom(answer: unknown, example: string): string[] {
  const ours = listTypedPaths(answer);
  return [...listTypedPaths(readExample(example))].filter((path) => !ours.has(path));
}

describe('every key path and JSON type of the published examples occurs in our answers', () => {
  it('for one bulk sync', async () => {
    const id = await fixture.createSync(EVERYTHING);
    const answer = await get(`/api/bulk/syncs/${id}`, '2025-09-18');
    expect(missingFrom(answer, 'bulkSync.get.2025-09-18.json')).toEqual([]);
  });

  it('for a bulk destination', async () => {
    const answer = await get(`/api/connections/${fixture.destinationId}/bulksync/target`, '2024-02-08');
    expect(missingFrom(answer, 'bulkSync.getDestination.2024-02-08.json')).toEqual([]);
  });

  it('for a bulk source: keys, foreign keys and enum values', async () => {
    const answer = await get(`/api/bulk/source/${fixture.sourceId}?refresh_schemas=true`, '2023-04-25');
    expect(missingFrom(answer, 'bulkSync.getSource.2023-04-25.json')).toEqual([]);
  });

  it('for the targets of model syncs', async () => {
    const url = `/api/connections/${fixture.sourceId}/modelsync/targetobjects?include_target_creation_values=true`;
    expect(missingFrom(await get(url, '2024-02-08'), 'modelSync.targets.list.2024-02-08.json')).toEqual([]);
  });
});
