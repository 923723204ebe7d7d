import { type MappedField, MODEL_MODES, type ModelMode, type ModelSyncIdentity } from '../../core/index.ts';
import { refuseField } from '../refusals.ts';
import type { GivenField, ModelSyncInput } from './input.ts';
import { type OpenTarget, requireTargetField } from './target.ts';

/** The mapping of a checked sync. */
export interface CheckedMapping {
  readonly fields: readonly MappedField[];
  readonly overrideFields: readonly MappedField[];
}

/** Modes in which a record may be made that the target does not have. */
const MAKING: readonly ModelMode[] = ['create', 'updateOrCreate', 'replace', 'append', 'snapshot'];
/** Modes in which a record of the target may be changed. */
const CHANGING: readonly ModelMode[] = ['update', 'updateOrCreate'];
/** What a field does without a mode of its own; to say so is no other wish. */
const DEFAULT_FIELD_MODE = 'updateOrCreate';

/**
 * Checks where each field of the target gets its value. The sources were checked when the models were loaded.
 * @throws `REQUEST_REFUSED` naming the first field that a rule refuses
 */
export function checkMapping(input: ModelSyncInput, target: OpenTarget): CheckedMapping {
  checkIdentity(input.identity, target);
  const fields = input.fields.map((field, index) => checkField(field, `fields[${index}]`, target));
  const overrideFields = input.overrideFields.map((field, index) => {
    const place = `override_fields[${index}]`;
    if (field.overrideValue === null) throw refuseField(`${place}.override_value`, 'it is required');
    return checkField(field, place, target);
  });
  refuseTwice(input);
  refuseMissing(input, target);
  return { fields, overrideFields };
}

function checkIdentity(identity: ModelSyncIdentity | null, target: OpenTarget): void {
  const { mode } = target;
  if (identity === null) {
    if (mode.requiresIdentity)
      throw refuseField('identity', `mode "${mode.id}" needs it, to tell which records are the same`);
    return;
  }
  if (identity.target === '') throw refuseField('identity.target', 'must not be empty');
  if (identity.isNewField) {
    if (target.fields !== null)
      throw refuseField('identity.new_field', 'no field can be added to a target that is there; name one that it has');
    return;
  }
  const functions = requireTargetField(target, identity.target, 'identity.target')?.identityFunctions ?? ['Equality'];
  if (functions.length === 0)
    throw refuseField('identity.target', `"${identity.target}" cannot tell whether records are the same`);
  if (!functions.includes(identity.function))
    throw refuseField('identity.function', `"${identity.target}" takes ${functions.join(', ')}`);
}

function checkField(given: GivenField, place: string, target: OpenTarget): MappedField {
  if (given.target === '') throw refuseField(`${place}.target`, 'must not be empty');
  if (given.source === null && given.overrideValue === null)
    throw refuseField(`${place}.source`, 'it is required, or `override_value` in its place');
  if (given.isEncrypted) throw refuseField(`${place}.encryption_enabled`, 'this target has no encrypted fields');
  if (given.isNew) {
    if (target.fields !== null)
      throw refuseField(`${place}.new`, 'no field can be added to a target that is there; name one that it has');
  } else {
    checkWritable(given.target, `${place}.target`, target);
  }
  return { ...given, syncMode: checkFieldMode(given.syncMode, `${place}.sync_mode`, target) };
}

function checkWritable(id: string, place: string, target: OpenTarget): void {
  const field = requireTargetField(target, id, place);
  if (field === undefined) return;
  const { id: mode } = target.mode;
  const isWritable = (!MAKING.includes(mode) || field.isCreateable) && (!CHANGING.includes(mode) || field.isUpdateable);
  if (!isWritable) throw refuseField(place, `the target computes "${id}" itself`);
}

function checkFieldMode(text: string | null, place: string, { mode }: OpenTarget): ModelMode | null {
  if (text === null || text === '') return null;
  const fieldMode = MODEL_MODES.find((one) => one === text);
  if (fieldMode === undefined) throw refuseField(place, `"${text}" is none of ${MODEL_MODES.join(', ')}`);
  if (fieldMode !== DEFAULT_FIELD_MODE && !mode.supportsPerFieldMode)
    throw refuseField(place, 'fields of this target have no mode of their own; leave it out');
  return fieldMode;
}

/** An identity may be written as a field, too; otherwise two values for one field would be a matter of luck. */
function refuseTwice({ fields, overrideFields }: ModelSyncInput): void {
  const seen = new Set<string>();
  for (const [list, name] of [
    [fields, 'fields'],
    [overrideFields, 'override_fields'],
  ] as const) {
    for (const [index, { target }] of list.entries()) {
      if (seen.has(target)) throw refuseField(`${name}[${index}].target`, `"${target}" gets a value already`);
      seen.add(target);
    }
  }
}

/** A record that is made without a required field would be refused one by one. */
function refuseMissing(input: ModelSyncInput, { mode, fields }: OpenTarget): void {
  if (fields === null || !MAKING.includes(mode.id)) return;
  const given = [...input.fields, ...input.overrideFields].map(({ target }) => target);
  if (input.identity !== null) given.push(input.identity.target);
  const missing = fields.filter(({ id, isRequired }) => isRequired && !given.includes(id)).map(({ id }) => id);
  if (missing.length > 0)
    throw refuseField('fields', `the target makes no record without ${missing.map((id) => `"${id}"`).join(', ')}`);
}
