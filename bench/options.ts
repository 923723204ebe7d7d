import { parseArgs } from 'node:util';

/** The parts of the benchmark, in the order in which they run. */
export const PARTS = [
  'pg',
  'tls',
  'duckdb',
  'parquet',
  'filters',
  'columns',
  'renames',
  'timestamps',
  'obfuscation',
  'upsert',
  'tables',
  'memory',
  'start',
  'list',
] as const;
/** Parts that are measured only when they are asked for: they take other tools or several processes, or say nothing about a sync as a whole. */
const OTHER_PARTS = ['peers', 'scaling', 'formats', 'api'] as const;
export type Part = (typeof PARTS)[number] | (typeof OTHER_PARTS)[number];

export interface BenchOptions {
  /** Records of the table; the goals are set for 6,000,000. */
  readonly rows: number;
  /** Tables whose memory is compared, by their records; empty: the table and a third of it. */
  readonly sizes: readonly number[];
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

export const USAGE = `npm run bench -- [memory|peers|scaling|formats|api] [--rows 6000000] [--pairs 5] [--sizes 2000000,6000000,20000000] [--tables 10000] [--only ${[...PARTS, ...OTHER_PARTS].join(',')}] [--json] [--docs]`;

/** @throws `RangeError` or the parser's `TypeError`, one sentence naming the option */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rows: { type: 'string', default: '6000000' },
      sizes: { type: 'string', default: '' },
      pairs: { type: 'string', default: '5' },
      tables: { type: 'string', default: '10000' },
      only: { type: 'string', default: PARTS.join(',') },
      json: { type: 'boolean', default: false },
      docs: { type: 'boolean', default: false },
    },
  });
  const parts = (positionals.length > 0 ? positionals : values.only.split(',')).map(readPart);
  const sizes = values.sizes === '' ? [] : values.sizes.split(',').map((text) => readNumber('--sizes', text, 1_000));
  const isAboutSizes = sizes.length > 0 && parts.every((part) => part === 'memory');
  return {
    rows: isAboutSizes ? Math.max(...sizes) : readNumber('--rows', values.rows, 1_000),
    sizes,
    pairs: readNumber('--pairs', values.pairs, 1),
    tables: readNumber('--tables', values.tables, 1),
    parts,
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
