import {
  findRunSchema,
  hasSync,
  nextGeneration,
  type Run,
  restartSchema,
  setSchemaStatus,
  type WorkItem,
} from '../store/index.ts';
import { definitionOf, type EngineParts, retryStore } from './engine-parts.ts';
import { planExecution } from './planner/plan-execution.ts';
import { openConnection, openSides } from './sides.ts';

/**
 * Begins a schema again in a new snapshot and generation, since segments of two source images must not be mixed
 * (DESIGN §4.3). What the lost generation left in the destination is dropped by the new one's `prepare`.
 */
export async function restartInNewSnapshot(
  parts: EngineParts,
  run: Run,
  item: WorkItem,
  stop: AbortSignal,
): Promise<void> {
  const { db } = parts.store;
  const row = await retryStore(() => findRunSchema(db, item.executionId, item.schemaId), stop);
  // Another lane of this schema was faster.
  if (row === null || row.generation !== item.generation) return;
  await using sides = await openSides(parts, run);
  const lost = Math.max(row.snapshotEpoch ?? 0, 0);
  const snapshot = await parts.snapshots.renew(
    item.executionId,
    lost,
    () => openConnection(parts, run, run.source),
    stop,
  );
  const destinationCapabilities = definitionOf(parts, run.destination.type).capabilities.destination;
  if (destinationCapabilities === undefined) return;
  const { planned, failed } = await planExecution(
    {
      run,
      source: sides.source,
      destination: sides.destination,
      destinationCapabilities,
      snapshot: snapshot.ref,
      snapshotEpoch: snapshot.epoch,
      columnPrefix: parts.columnPrefix,
      isLivingSync: (syncId) => retryStore(() => hasSync(db, syncId), stop),
      nextGeneration: (schemaId) => nextGeneration(db, run.sync.id, schemaId),
      signal: stop,
    },
    item.schemaId,
  );
  parts.log.info(
    { executionId: item.executionId, schemaId: item.schemaId, snapshot: snapshot.epoch },
    'The source snapshot was lost; the schema is read again in a new one.',
  );
  await retryStore(
    () =>
      parts.store.transaction(async (transaction) => {
        const present = await findRunSchema(transaction.db, item.executionId, item.schemaId);
        if (present === null || present.generation !== item.generation) return;
        for (const schema of planned) await restartSchema(transaction.db, item.executionId, schema);
        for (const schema of failed)
          await setSchemaStatus(transaction.db, item.executionId, schema.schemaId, 'failed', schema.message);
      }),
    stop,
  );
}
