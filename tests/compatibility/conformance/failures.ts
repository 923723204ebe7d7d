import type { ApiVersion } from '../../../src/contract/index.ts';
import type { Contract } from '../contract.ts';
import type { Outcome, PlainCall, Transport } from './calls.ts';
import { buildBody, senderOf } from './requests.ts';
import { UNKNOWN_ID } from './scene.ts';

/** For each operation a call without a key, and, where the path names something, one that names nothing. */
export async function callFailures(contract: Contract, transport: Transport, version: ApiVersion): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const operation of contract.operations.keys()) {
    const params = [...operation.matchAll(/\{/g)].map(() => UNKNOWN_ID);
    const nobody = { operation, params, as: 'nobody' } as const;
    outcomes.push(await callOne(contract, transport, version, nobody, [401]));
    if (params.length === 0) continue;
    const body = buildBody(contract, operation);
    const lost = { operation, params, ...(body === undefined ? {} : { body }), as: senderOf(operation) };
    outcomes.push(await callOne(contract, transport, version, lost, [400, 403, 404, 422]));
  }
  return outcomes;
}

async function callOne(
  contract: Contract,
  transport: Transport,
  version: ApiVersion,
  call: PlainCall,
  wanted: readonly number[],
): Promise<Outcome> {
  const { status, body } = await transport.send(call, version);
  if (!wanted.includes(status)) {
    const problem = `answered ${status} and not ${wanted.join(' or ')}: ${JSON.stringify(body).slice(0, 200)}`;
    return { operation: call.operation, status, problems: [problem] };
  }
  return { operation: call.operation, status, problems: contract.check(call.operation, status, body) };
}
