import { type ApiVersion, apiErrorSchema } from '../../../src/contract/index.ts';
import type { Contract, TopField } from '../contract.ts';
import type { Answer, PlainCall, Transport } from './calls.ts';
import { senderOf, toBody } from './requests.ts';
import { UNKNOWN_ID } from './scene.ts';

/** One request that must be refused, with what came of it. */
export interface NegativeResult {
  readonly operation: string;
  readonly misfit: string;
  readonly status: number;
  /** Null = refused as it should be. */
  readonly problem: string | null;
}

interface Misfit {
  readonly name: string;
  readonly call: Omit<PlainCall, 'operation' | 'as'>;
  /** The message has to name it. */
  readonly field?: string;
  readonly statuses?: readonly number[];
}

const OVERSIZED = 'x'.repeat(1024 * 1024 + 1);
/** A value of every other type than the named one. */
const WRONG: Readonly<Record<string, unknown>> = {
  string: { not: 'text' },
  integer: 'not a number',
  number: 'not a number',
  boolean: 'not a boolean',
  array: 'not a list',
  object: 'not an object',
};

/** Sends to every operation what does not fit it. @param picks absent = all misfits, else at most so many of an operation */
export async function sendMisfits(
  contract: Contract,
  transport: Transport,
  version: ApiVersion,
  picks = Number.MAX_SAFE_INTEGER,
): Promise<NegativeResult[]> {
  const results: NegativeResult[] = [];
  for (const operation of contract.operations.keys()) {
    const misfits = listMisfits(contract, operation);
    const step = Math.max(1, Math.ceil(misfits.length / picks));
    for (const misfit of misfits.filter((_, index) => index % step === 0)) {
      const answer = await transport.send({ ...misfit.call, operation, as: senderOf(operation) }, version);
      results.push({ operation, misfit: misfit.name, status: answer.status, problem: judge(misfit, answer) });
    }
  }
  return results;
}

function listMisfits(contract: Contract, operation: string): Misfit[] {
  const params = [...operation.matchAll(/\{/g)].map(() => UNKNOWN_ID);
  const fields = contract.describeBody(operation);
  const query = contract.describeQuery(operation);
  const isWrite = !operation.startsWith('GET');
  return [
    ...(fields === null ? [] : bodyMisfits(params, fields, operation.startsWith('PATCH '))),
    ...query.filter(({ type }) => ['boolean', 'integer'].includes(type)).map((field) => queryMisfit(params, field)),
    ...(params.length === 0 ? [] : [{ name: 'no id in the path', call: { params: params.map(() => 'no id') } }]),
    ...(isWrite ? [{ name: 'malformed JSON', call: { params, body: '{"half": ' } }] : []),
    ...(isWrite
      ? [{ name: 'oversized', call: { params, body: JSON.stringify({ name: OVERSIZED }) }, statuses: [413] }]
      : []),
  ];
}

/** A PATCH changes what it names, so nothing is missing from it. */
function bodyMisfits(params: readonly string[], fields: readonly TopField[], isPartial: boolean): Misfit[] {
  const required = fields.filter(({ isRequired }) => isRequired);
  const body = toBody(required);
  return [
    { name: 'an unknown field', call: { params, body: { ...body, no_such_field: 1 } }, field: 'no_such_field' },
    ...(isPartial ? [] : required).map(({ name }) => ({
      name: `without ${name}`,
      call: { params, body: toBody(required.filter((field) => field.name !== name)) },
      field: name,
    })),
    ...fields
      .filter(({ type }) => WRONG[type] !== undefined)
      .map(({ name, type }) => ({
        name: `${name} of another type`,
        call: { params, body: { ...body, [name]: WRONG[type] } },
        field: name,
      })),
    ...(JSON.stringify(body).includes(UNKNOWN_ID) ? [{ name: 'ids of nothing', call: { params, body } }] : []),
    { name: 'a list for a body', call: { params, body: [] } },
    { name: 'a text for a body', call: { params, body: '"text"' } },
  ];
}

function queryMisfit(params: readonly string[], { name }: TopField): Misfit {
  return { name: `${name} of another type in the query`, call: { params, query: { [name]: 'neither' } } };
}

function judge({ field, statuses }: Misfit, { status, body }: Answer): string | null {
  const told = `answered ${status}: ${JSON.stringify(body).slice(0, 300)}`;
  if (status < 400 || status >= 500 || statuses?.includes(status) === false) return told;
  const error = apiErrorSchema.safeParse(body);
  if (!error.success || error.data.status !== status) return `${told}, which is not the body of an error`;
  if (status === 400 && field !== undefined && !error.data.message.includes(field))
    return `${told}, not naming ${field}`;
  return null;
}

/** The lines of one version. */
export function describeNegative(version: ApiVersion, results: readonly NegativeResult[]): string[] {
  const failed = results.filter(({ problem }) => problem !== null);
  const crashed = results.filter(({ status }) => status >= 500 || status === 0);
  return [
    `${version}: ${results.length} misfits sent, ${results.length - failed.length} refused as they should be, 500s: ${crashed.length}`,
    ...failed.map(({ operation, misfit, problem }) => `  ${operation}, ${misfit}: ${problem}`),
  ];
}
