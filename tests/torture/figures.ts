import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { FAULT_KINDS } from './faults.ts';
import type { Summary } from './summary.ts';

const PAGE = join(import.meta.dirname, '../../docs/reliability.md');
const [BEGIN, END] = ['<!-- figures of npm run torture -- --docs -->', '<!-- end of figures -->'];

/** Puts the figures of a run into the documentation, between its two marks. */
export function writeFigures(summary: Summary): void {
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`${PAGE} has no place for figures.`);
  writeFileSync(PAGE, `${before}${BEGIN}\n${toTables(summary)}\n${END}${after}`);
}

function toTables(summary: Summary): string {
  const many = (value: number) => value.toLocaleString('en-US');
  const rows: readonly (readonly [string, string])[] = [
    ['command', `\`npm run torture -- --seconds ${summary.seconds} --seed ${summary.seed}\``],
    ['cores', String(availableParallelism())],
    ['runs', many(summary.runs)],
    ['of them with an API and several workers', many(summary.fleets)],
    ...Object.entries(summary.depths).map(
      ([depth, count]) => [`of them with depth \`${depth}\``, many(count)] as const,
    ),
    ['executions', many(summary.executions)],
    ['kill -9 of Millrace', many(summary.kills)],
    ...Object.entries(FAULT_KINDS).flatMap(([kind, words]): (readonly [string, string])[] => {
      // The keys of an object literal, which the compiler takes for any text.
      const struck = summary.faults[kind as keyof typeof FAULT_KINDS];
      return struck === undefined ? [] : [[words, many(struck)]];
    }),
    ['records that receipts list as repaired', many(summary.repaired)],
    ['transactions in the sources meanwhile', many(summary.transactions)],
    ['records compared one by one', many(summary.records)],
    ['runs that were not equal in the end', many(summary.failures.length)],
    ['**differences**', `**${many(summary.differences)}**`],
  ];
  return ['', '| | |', '|---|---:|', ...rows.map(([name, value]) => `| ${name} | ${value} |`), ''].join('\n');
}
