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
  const refused = new Set(refusals.map(({ operation }) => operation));
  const faults = [...contract.operations.keys()]
    .filter((operation) => !refused.has(operation))
    .map((operation) => [operation, findFault(operation, successes, failures)] as const)
    .filter(([, fault]) => fault !== null);
  const strays = successes.filter(({ operation }) => !contract.operations.has(operation));
  return {
    operations: contract.operations.size,
    passed: contract.operations.size - refused.size - faults.length,
    refusals: refused.size,
    unexplained: [
      ...faults.map(([operation, fault]) => `${operation}: ${fault}`),
      ...strays.map(({ operation, problems }) => `${operation}: ${problems.join('; ')}`),
    ],
  };
}

function findFault(operation: string, successes: readonly Outcome[], failures: readonly Outcome[]): string | null {
  const [worked, refused] = [successes, failures].map((outcomes) =>
    outcomes.filter((outcome) => outcome.operation === operation),
  );
  const problems = [...(worked ?? []), ...(refused ?? [])].flatMap((outcome) => outcome.problems);
  if (problems.length > 0) return problems.join('; ');
  if ((worked ?? []).length === 0) return 'no success was tried';
  return (refused ?? []).length === 0 ? 'no failure was tried' : null;
}

/** The lines of one version. */
export function tell(version: ApiVersion, { operations, passed, refusals, unexplained }: Summary): string[] {
  return [
    `${version}: ${operations} operations, ${passed} passed, ${refusals} deliberate differences, ${unexplained.length} unexplained`,
    ...unexplained.map((line) => `  ${line}`),
  ];
}
