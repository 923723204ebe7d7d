import { parseArgs } from 'node:util';

/** The parts of the benchmark, in the order in which they run. */
export const PARTS = [
  'pg',
  'tls',
  'duckdb',
  'filters',
  'columns',
  'renames',
  'timestamps',
  'obfuscation',
  'upsert',
  'tables',
  'memory',
  'list',
] as const;
/** Parts that are measured only when they are asked for: they install other tools, or say nothing about a sync as a whole. */
const OTHER_PARTS = ['peers', 'formats', 'api'] as const;
export type Part = (typeof PARTS)[number] | (typeof OTHER_PARTS)[number];

export interface BenchOptions {
  /** Records of the table; the goals are set for 6,000,000. */
  readonly rows: number;
  /** Interleaved rounds of limit and product. */
  readonly pairs: number;
  readonly parts: readonly Part[];
  /** Number of small tables in the part `tables`; the goal is set for 10,000. */
  readonly tables: number;
  /** Print one JSON document instead of tables. */
  readonly isJson: boolean;
  /** Rewrite the figures in docs/benchmarks.md. */
  readonly writesDocs: boolean;
}

export const USAGE = `npm run bench -- [peers|formats|api] [--rows 6000000] [--pairs 5] [--tables 10000] [--only ${[...PARTS, ...OTHER_PARTS].join(',')}] [--json] [--docs]`;

/** @throws `RangeError` or the parser's `TypeError`, one sentence naming the option */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rows: { type: 'string', default: '6000000' },
      pairs: { type: 'string', default: '5' },
      tables: { type: 'string', default: '10000' },
      only: { type: 'string', default: PARTS.join(',') },
      json: { type: 'boolean', default: false },
      docs: { type: 'boolean', default: false },
    },
  });
  return {
    rows: readNumber('--rows', values.rows, 1_000),
    pairs: readNumber('--pairs', values.pairs, 1),
    tables: readNumber('--tables', values.tables, 1),
    parts: (positionals.length > 0 ? positionals : values.only.split(',')).map(readPart),
    isJson: values.json,
    writesDocs: values.docs,
  };
}

function readNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new RangeError(`${name} is "${text}": write a whole number from ${least}.`);
}

function readPart(text: string): Part {
  const part = [...PARTS, ...OTHER_PARTS].find((known) => known === text);
  if (part !== undefined) return part;
  throw new RangeError(
    `--only names "${text}": write one or more of ${[...PARTS, ...OTHER_PARTS].join(', ')}, with commas.`,
  );
}
