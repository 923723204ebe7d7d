import { SyncError } from '../../core/index.ts';
import { findConnection } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { requireModel, type Waiting } from './models.ts';
import { readOrigin } from './origin.ts';
import { limitsFor, withReader } from './reader.ts';

/** A few records of a model. */
export interface ModelSample {
  /** Each by the id of the model that it is of: an enrichment would add its own beside. */
  readonly records: readonly Readonly<Record<string, Readonly<Record<string, unknown>>>>[];
  readonly warnings: readonly string[];
}

/** A sample is for a look at the data, not for reading it. */
const SAMPLE_RECORDS = 10;

/**
 * The first records of a model with the fields that it has, read from the system now; those that users added are null.
 * @throws `NOT_FOUND`, `FORBIDDEN`, `QUERY_FAILED`, and what the system says
 */
export async function sampleModel(context: Context, id: string, waiting: Waiting): Promise<ModelSample> {
  const model = await requireModel(context, id);
  const connection = await findConnection(context.store.db, context.caller.organizationId, model.connectionId);
  if (connection === undefined)
    throw new SyncError('NOT_FOUND', `The connection of model ${id} was deleted meanwhile.`);
  const limits = limitsFor(waiting.for, SAMPLE_RECORDS);
  const found = await withReader(
    context,
    connection,
    limits.timeoutMs,
    (reader, signal) => reader.read(readOrigin(model.configuration, reader.kinds), limits, signal),
    waiting.stop,
  );
  const gone = model.fields.filter(
    ({ isUserAdded, name }) => !isUserAdded && !found.fields.some((field) => field.name === name),
  );
  return {
    records: found.records.map((record) => ({
      [model.id]: Object.fromEntries(
        model.fields.map(({ name }) => [name, Object.hasOwn(record, name) ? record[name] : null]),
      ),
    })),
    warnings: [...found.warnings, ...gone.map(({ name }) => `The source no longer shows the field "${name}".`)],
  };
}
