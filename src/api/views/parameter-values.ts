import type { ParameterValuesBody } from '../../contract/index.ts';
import type { ParameterValues } from '../../operations/index.ts';

/** Values of fields on the wire. */
export function toParameterValuesBody(byField: Readonly<Record<string, ParameterValues>>): ParameterValuesBody {
  return Object.fromEntries(
    Object.entries(byField).map(([field, { allowsCreation, values }]) => [
      field,
      { allows_creation: allowsCreation, values: values.map(({ label, value }) => ({ label, value })) },
    ]),
  );
}
