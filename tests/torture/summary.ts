import type { FaultKind } from './faults.ts';
import type { RunReport } from './run.ts';
import type { Depth, Scenario } from './scenario.ts';

/** What came of all runs; printed as it is with `--json`. */
export interface Summary {
  readonly seed: number;
  /** Records of the largest table. */
  readonly size: number;
  seconds: number;
  runs: number;
  /** Of Millrace, by kill -9. */
  kills: number;
  /** Faults that have struck, by kind. */
  readonly faults: Partial<Record<FaultKind, number>>;
  /** Runs by the depth of their receipts. */
  readonly depths: Partial<Record<Depth, number>>;
  /** Runs with an API and several workers. */
  fleets: number;
  executions: number;
  /** Records that executions of depth `repair` have written anew, as far as receipts list them. */
  repaired: number;
  /** Transactions that changed the sources meanwhile. */
  transactions: number;
  /** Records of sources that were compared one by one with what had arrived. */
  records: number;
  /** What was found wrong, over all runs. */
  differences: number;
  readonly failures: { readonly run: number; readonly problems: readonly string[] }[];
  /** What this machine could not do, and why. */
  readonly missing: readonly string[];
  add(scenario: Scenario, report: RunReport): void;
}

/** An empty one. */
export function createSummary(seed: number, size: number, missing: readonly string[]): Summary {
  return {
    seed,
    size,
    seconds: 0,
    runs: 0,
    kills: 0,
    faults: {},
    depths: {},
    fleets: 0,
    executions: 0,
    repaired: 0,
    transactions: 0,
    records: 0,
    differences: 0,
    failures: [],
    missing,
    add({ options: { depth }, workers }, report) {
      this.depths[depth] = (this.depths[depth] ?? 0) + 1;
      this.fleets += workers > 0 ? 1 : 0;
      this.repaired += report.repaired;
      this.kills += report.kills;
      this.executions += report.executions;
      this.transactions += report.transactions;
      this.records += report.records;
      this.differences += report.problems.length;
      for (const kind of report.struck) this.faults[kind] = (this.faults[kind] ?? 0) + 1;
    },
  };
}

/** The same for people, with the commands that repeat what failed. */
export function describeSummary(summary: Summary): string {
  const { seed, size, runs, failures } = summary;
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(', ') || 'none';
  return [
    '',
    `${runs - failures.length} of ${runs} runs ended equal, in ${summary.seconds} s.`,
    `Kills: ${summary.kills}. Faults: ${list(summary.faults)}.`,
    `Runs with several workers: ${summary.fleets}. Depths: ${list(summary.depths)}; ${summary.repaired} records repaired.`,
    `${summary.executions} executions, ${summary.transactions} transactions in the sources, ${summary.records} records compared, ${summary.differences} differences.`,
    ...failures.map(({ run }) => `Again: npm run torture -- --seed ${seed} --size ${size} --only ${run}`),
  ].join('\n');
}
