import type { FieldDescription, SchemaDescription } from './fields.ts';
import type { AutoAddRule } from './syncs.ts';

/** What a sync says about the fields of one schema. */
export interface FieldChoice {
  /** Null = all that the schema had when it was first planned, and later ones by the sync's rule. */
  readonly fields: readonly { readonly id: string; readonly enabled: boolean }[] | null;
  /** Ids of the fields that executions took along without being told to; null = none was planned yet. */
  readonly autoFields: readonly string[] | null;
  readonly trackingField: string | null;
}

/** Which fields of a schema are synced. */
export interface ChosenFields {
  readonly ids: ReadonlySet<string>;
  /** What `autoFields` becomes when an execution is planned by this choice. */
  readonly autoFields: readonly string[];
  /** Fields that the user chose and that the source no longer has. */
  readonly missing: readonly string[];
}

/**
 * Chooses the fields of a schema. What was taken along once stays, also when the rule changes; a field that the user
 * did not enable stays out.
 */
export function chooseFields(
  choice: FieldChoice,
  fields: readonly FieldDescription[],
  rule: AutoAddRule,
): ChosenFields {
  const named = new Map(choice.fields?.map(({ id, enabled }) => [id, enabled]));
  const taken = new Set(choice.autoFields ?? []);
  const isFirst = choice.fields === null && choice.autoFields === null;
  const isTaken = (field: FieldDescription): boolean =>
    isFirst || taken.has(field.id) || admits(rule, isIncremental(field, choice.trackingField !== null));
  const added = fields.filter((field) => !named.has(field.id) && isTaken(field)).map(({ id }) => id);
  const present = new Set(fields.map(({ id }) => id));
  return {
    ids: new Set([...added, ...[...named].filter(([id, enabled]) => enabled && present.has(id)).map(([id]) => id)]),
    // One that is gone from the source may come back.
    autoFields: [...new Set([...taken, ...added])],
    missing: [...named].filter(([id, enabled]) => enabled && !present.has(id)).map(([id]) => id),
  };
}

/** True when a schema that the source did not have before is taken along by the rule. */
export function takesNewSchema(rule: AutoAddRule, schema: SchemaDescription): boolean {
  return admits(
    rule,
    schema.fields.some((field) => isIncremental(field, field.canTrack)),
  );
}

/** A change of such a field is seen without reading everything. */
function isIncremental(field: FieldDescription, isTracked: boolean): boolean {
  return isTracked && field.isGenerated !== true;
}

function admits(rule: AutoAddRule, incremental: boolean): boolean {
  switch (rule) {
    case 'all':
      return true;
    case 'none':
      return false;
    case 'onlyIncremental':
      return incremental;
    case 'onlyNonIncremental':
      return !incremental;
  }
}
