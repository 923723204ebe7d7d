import type { BulkSyncBody, BulkSyncRequest } from '../src/contract/index.ts';
import { hasKey, inTurns, settled } from './compare.ts';
import type { BenchDatabase } from './database.ts';
import { type LimitCopy, type LimitRun, runPsql } from './limits.ts';
import type { BenchOptions, Part } from './options.ts';
import type { Product } from './product.ts';
import type { Pair, Results } from './results.ts';
import { say } from './say.ts';
import { COLUMNS, columnDefinitions, tableName } from './table.ts';

type OptionPart = Extract<Part, 'filters' | 'columns' | 'renames' | 'timestamps' | 'obfuscation'>;

/** One option of a sync, and the SELECT that does the same by hand. */
interface OptionCase {
  readonly title: string;
  /** Least ratio that is asked for. */
  readonly goal: number;
  readonly limit: (table: string) => Omit<LimitCopy, 'buildsKey'>;
  readonly schema?: Record<string, unknown>;
  readonly sync?: Partial<BulkSyncRequest>;
  /** Names that are chosen when the sync is there. */
  readonly outputNames?: Readonly<Record<string, string>>;
}

const NAMES: readonly string[] = COLUMNS.map(([name]) => name);
const CHOSEN = NAMES.filter((_, index) => index % 2 === 0);
const RENAMED = { order_key: 'order', comment: 'remark', updated_at: 'changed_at' } as const;
const OBFUSCATED = ['order_key', 'comment'];

const CASES: Readonly<Record<OptionPart, OptionCase>> = {
  filters: {
    title: 'filters: a third of the records, by one value of a text field',
    goal: 0.9,
    limit: (table) => ({ from: `(SELECT * FROM ${table} WHERE return_flag = 'R')`, columns: columnDefinitions() }),
    schema: { filters: [{ field_id: 'return_flag', function: 'Equality', value: 'R' }] },
  },
  columns: {
    title: 'column choice: 9 of 18',
    goal: 0.9,
    limit: (table) => ({
      from: `(SELECT ${CHOSEN.join(', ')} FROM ${table})`,
      columns: definitionsOf((name) => (CHOSEN.includes(name) ? name : null)),
    }),
    schema: { fields: NAMES.map((id) => ({ id, enabled: CHOSEN.includes(id) })) },
  },
  renames: {
    title: 'renames: 3 of 18 columns',
    goal: 0.9,
    limit: (table) => ({
      from: `(SELECT ${NAMES.join(', ')} FROM ${table})`,
      columns: definitionsOf((name) => `"${renamed(name)}"`),
    }),
    outputNames: RENAMED,
  },
  timestamps: {
    title: 'record timestamps',
    goal: 0.9,
    limit: (table) => ({
      from: `(SELECT ${NAMES.join(', ')} FROM ${table})`,
      columns: `${columnDefinitions()}, created_at timestamptz NOT NULL DEFAULT now(), changed_at timestamptz NOT NULL DEFAULT now()`,
      copied: NAMES.join(', '),
    }),
    sync: { disable_record_timestamps: false },
  },
  obfuscation: {
    title: 'obfuscation of 2 of 18 columns, a bigint and a text, against the SELECT in clear',
    goal: 0.75,
    limit: (table) => ({ from: `(SELECT ${NAMES.join(', ')} FROM ${table})`, columns: columnDefinitions() }),
    schema: { fields: NAMES.map((id) => ({ id, enabled: true, obfuscate: OBFUSCATED.includes(id) })) },
  },
};

/** The parts that this file measures, in their order. */
export const OPTION_PARTS: readonly OptionPart[] = ['filters', 'columns', 'renames', 'timestamps', 'obfuscation'];

/** A sync with one option against the same SELECT from one psql into another, at receipt depth `counts`. */
export async function compareOption(
  product: Product,
  database: BenchDatabase,
  part: OptionPart,
  { rows, pairs }: BenchOptions,
): Promise<Results['options'][number]> {
  const { title, goal, limit } = CASES[part];
  const sync = await makeOptionSync(product, part, rows);
  say(`${part}: one run each to warm up`);
  await product.run(sync);
  const buildsKey = await hasKey(database, `bench_${part}.${tableName(rows)}`);
  const copy: LimitCopy = { ...limit(tableName(rows)), buildsKey };
  await runPsql(database, copy);
  const found: Pair<LimitRun>[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    const measureLimit = () => runPsql(database, copy);
    const [byHand, run] = await inTurns(pair, measureLimit, () => settled(database, () => product.run(sync)));
    found.push({ limit: byHand, product: run, ratio: byHand.wallSeconds / run.wallSeconds });
    say(`  pair ${pair}: limit ${byHand.wallSeconds.toFixed(2)} s, Millrace ${run.wallSeconds.toFixed(2)} s`);
  }
  return { title, goal, pairs: found };
}

async function makeOptionSync(product: Product, part: OptionPart, rows: number): Promise<BulkSyncBody> {
  const { schema, sync: options, outputNames } = CASES[part];
  const { client, connections } = product;
  const id = `public.${tableName(rows)}`;
  const sync = await client.createBulkSync({
    name: `bench ${part} ${rows}`,
    mode: 'snapshot',
    source_connection_id: connections.source,
    destination_connection_id: connections.postgresql,
    destination_configuration: { schema: `bench_${part}` },
    default_schedule: { frequency: 'manual' },
    disable_record_timestamps: true,
    schemas: [{ id, ...schema }],
    ...options,
  });
  await client.setSyncSettings(sync.id, { receipt_depth: 'counts', max_loss_percent: 100 });
  if (outputNames !== undefined) {
    // A list of fields is the whole selection: those that are not named would be left out.
    const fields = NAMES.map((field) => ({ id: field, user_output_name: outputNames[field] ?? field }));
    await product.send('PATCH', `/api/bulk/syncs/${sync.id}/schemas`, { schemas: [{ id, fields }] });
  }
  return sync;
}

function renamed(name: string): string {
  return Object.entries(RENAMED).find(([from]) => from === name)?.[1] ?? name;
}

/** Columns under the names that `toName` gives them; null leaves one out. */
function definitionsOf(toName: (name: string) => string | null): string {
  return COLUMNS.flatMap(([name, type]) => {
    const given = toName(name);
    return given === null ? [] : [`${given} ${type}`];
  }).join(', ');
}
