import type { ApiVersion } from '../../../src/contract/index.ts';
import type { Contract } from '../contract.ts';
import type { Refusal } from '../differences.ts';
import type { Outcome } from './calls.ts';

/** What one version came to. */
export interface Summary {
  readonly operations: number;
  /** With at least one success and one failure, each as published. */
  readonly passed: number;
  readonly refusals: number;
  /** One line each. */
  readonly unexplained: readonly string[];
}

/** Counts operations; one that is refused deliberately counts as explained when it was refused just so. */
export function summarize(
  contract: Contract,
  successes: readonly Outcome[],
  failures: readonly Outcome[],
  refusals: readonly Refusal[],
): Summary {
  const refused = new Map(refusals.map(({ operation, status }) => [operation, status]));
  const faults = [...contract.operations.keys()]
    .map((operation) => [operation, findFault(operation, refused.get(operation), successes, failures)] as const)
    .filter(([, fault]) => fault !== null);
  const explained = [...refused.keys()].filter((operation) => !faults.some(([faulty]) => faulty === operation));
  const strays = successes.filter(({ operation }) => !contract.operations.has(operation));
  return {
    operations: contract.operations.size,
    passed: contract.operations.size - explained.length - faults.length,
    refusals: explained.length,
    unexplained: [
      ...faults.map(([operation, fault]) => `${operation}: ${fault}`),
      ...strays.map(({ operation, problems }) => `${operation}: ${problems.join('; ')}`),
    ],
  };
}

/** @param refusal the status of an operation that cannot succeed; undefined = it can */
function findFault(
  operation: string,
  refusal: number | undefined,
  successes: readonly Outcome[],
  failures: readonly Outcome[],
): string | null {
  const [worked, refused] = [successes, failures].map((outcomes) =>
    outcomes.filter((outcome) => outcome.operation === operation),
  );
  const problems = [...(worked ?? []), ...(refused ?? [])].flatMap((outcome) => outcome.problems);
  if (problems.length > 0) return problems.join('; ');
  const wanted = (worked ?? []).filter(({ status }) => (refusal === undefined ? status < 300 : status === refusal));
  if (wanted.length === 0) return refusal === undefined ? 'no success was tried' : `${refusal} was not seen`;
  return (refused ?? []).length === 0 ? 'no failure was tried' : null;
}

/** The lines of one version. */
export function tell(version: ApiVersion, { operations, passed, refusals, unexplained }: Summary): string[] {
  return [
    `${version}: ${operations} operations, ${passed} passed, ${refusals} deliberate differences, ${unexplained.length} unexplained`,
    ...unexplained.map((line) => `  ${line}`),
  ];
}
