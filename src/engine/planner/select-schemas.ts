import type { SchemaDescription } from '../../core/index.ts';
import type { Run } from '../../store/index.ts';
import { selectFields } from './select-fields.ts';

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

function whySkipped(
  { execution, sync }: Run,
  selection: Selection,
  schema: SchemaDescription | undefined,
): string | null {
  const isTracked = selection.trackingField !== null;
  const { selectiveMode } = execution.overrides;
  if (!isTracked && (execution.fetchMode === 'incremental' || selectiveMode === 'incrementalFields'))
    return 'Skipped: it has no tracking field, and only incremental schemas were asked for.';
  if (!isTracked || selectiveMode !== 'nonincrementalFields' || schema === undefined) return null;
  const hasGenerated = hasSelectedGenerated(selection, schema, sync.automaticallyAddNewFields);
  return hasGenerated
    ? null
    : 'Skipped: its changes show in its tracking field, and only other schemas were asked for.';
}

function hasSelectedGenerated(
  selection: Selection,
  schema: SchemaDescription,
  rule: Run['sync']['automaticallyAddNewFields'],
): boolean {
  if (!schema.fields.some((field) => field.isGenerated === true)) return false;
  return selectFields({ selection, schema }, rule).fields.some((field) => field.isGenerated === true);
}
