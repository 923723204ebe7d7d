import type { Contract, TopField } from '../contract.ts';

/** Who may call an operation at all. */
export function senderOf(operation: string): 'partner' | 'user' {
  return / \/api\/organizations|\/share$/.test(operation) ? 'partner' : 'user';
}

/** A body with everything that is required, naming nothing that exists; undefined = none is taken. */
export function buildBody(contract: Contract, operation: string): Record<string, unknown> | undefined {
  const fields = contract.describeBody(operation);
  return fields === null ? undefined : toBody(fields.filter(({ isRequired }) => isRequired));
}

/** Fields with a value each that fits. */
export function toBody(fields: readonly TopField[]): Record<string, unknown> {
  return Object.fromEntries(fields.map(({ name, sample }) => [name, sample]));
}
