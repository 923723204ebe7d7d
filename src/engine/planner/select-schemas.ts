import { chooseFields, type FieldDescription, type SchemaDescription } from '../../core/index.ts';
import type { Run } from '../../store/index.ts';

type Selection = Run['schemas'][number];

/** The schemas of one execution: those that it works on, and those that its way of fetching leaves alone. */
export interface ScopedSchemas {
  readonly selections: readonly Selection[];
  readonly skipped: readonly { readonly schemaId: string; readonly reason: string }[];
}

/** Which enabled schemas an execution is about. A schema that the source lost is kept: its failure must be seen. */
export function selectSchemas(run: Run, discovered: ReadonlyMap<string, SchemaDescription>): ScopedSchemas {
  const { overrides } = run.execution;
  const named = overrides.schemas === undefined ? null : new Set(overrides.schemas);
  const selections: Selection[] = [];
  const skipped: { schemaId: string; reason: string }[] = [];
  for (const selection of run.schemas) {
    if (named !== null && !named.has(selection.schemaId)) continue;
    const reason = whySkipped(run, selection, discovered.get(selection.schemaId));
    if (reason === null) selections.push(selection);
    else skipped.push({ schemaId: selection.schemaId, reason });
  }
  return { selections, skipped };
}

function whySkipped(run: Run, selection: Selection, schema: SchemaDescription | undefined): string | null {
  const { fetchMode, overrides } = run.execution;
  const { selectiveMode } = overrides;
  if (selection.trackingField === null)
    return fetchMode === 'incremental' || selectiveMode === 'incrementalFields'
      ? 'Skipped: it has no tracking field, and only incremental schemas were asked for.'
      : null;
  if (schema === undefined) return null;
  if (fetchMode === 'incremental') return whyNeverDelta(run, selection, schema);
  if (selectiveMode !== 'nonincrementalFields' || hasSelected(run, selection, schema, ({ isGenerated }) => isGenerated))
    return null;
  return 'Skipped: its changes show in its tracking field, and only other schemas were asked for.';
}

/** Of a schema with a tracking field: why it is read whole each time all the same. */
function whyNeverDelta(run: Run, selection: Selection, schema: SchemaDescription): string | null {
  const asked = 'and only changes were asked for.';
  if (run.sync.mode === 'snapshot') return `Skipped: the mode snapshot replaces all its records, ${asked}`;
  const { primaryKey } = schema;
  const hasKey =
    primaryKey.length > 0 && primaryKey.every((id) => hasSelected(run, selection, schema, (field) => field.id === id));
  return hasKey ? null : `Skipped: without a key all its records are replaced, ${asked}`;
}

/** What the source has lost of the selection fails the schema later, where that is its own matter. */
function hasSelected(
  { sync }: Run,
  selection: Selection,
  schema: SchemaDescription,
  isMeant: (field: FieldDescription) => boolean | undefined,
): boolean {
  const { ids, missing } = chooseFields(selection, schema.fields, sync.automaticallyAddNewFields);
  return missing.length > 0 || schema.fields.some((field) => isMeant(field) === true && ids.has(field.id));
}
