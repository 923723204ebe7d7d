import type { Product } from './product.ts';
import { median } from './results.ts';

const SYNCS = 50;
const ASKED = 200;
const WARM_UP = 20;

/** How long the list of 50 syncs takes a client of the same machine, in milliseconds at the median. */
export async function measureList({ client, connections }: Product): Promise<{ syncs: number; medianMs: number }> {
  for (let number = 1; number <= SYNCS; number += 1) {
    await client.createBulkSync({
      name: `list ${number}`,
      mode: 'replicate',
      source_connection_id: connections.source,
      destination_connection_id: connections.postgresql,
      // A schema of its own, because two syncs may not write one table.
      destination_configuration: { schema: `list_${number}` },
      default_schedule: { frequency: 'manual' },
      schemas: [],
    });
  }
  const times: number[] = [];
  for (let asked = 0; asked < WARM_UP + ASKED; asked += 1) {
    const startedAt = performance.now();
    const { length } = await client.listBulkSyncs();
    if (asked >= WARM_UP) times.push(performance.now() - startedAt);
    if (length !== SYNCS) throw new Error(`The list has ${length} syncs instead of ${SYNCS}.`);
  }
  return { syncs: SYNCS, medianMs: median(times) };
}
