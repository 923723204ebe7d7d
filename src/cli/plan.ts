import type { PlanBody, SchemaPlanBody } from '../contract/index.ts';
import { type Column, formatCount, formatTable, formatTime, toOneLine } from './format.ts';
import type { Style, Terminal } from './terminal.ts';

type Load = NonNullable<SchemaPlanBody['load']>;
type Change = Load['changes'][number];

const COLUMNS: readonly Column[] = [
  { title: 'schema' },
  { title: 'outcome' },
  { title: 'load' },
  { title: 'into' },
  { title: 'by' },
  { title: 'records', align: 'right' },
  { title: 'MB', align: 'right' },
  { title: 'segments', align: 'right' },
  { title: 'path' },
];

const OUTCOME_STYLES: Readonly<Record<SchemaPlanBody['outcome'], Style>> = {
  load: 'green',
  skip: 'dim',
  refuse: 'red',
};

/** A plan for people: one line per schema, then what is to be known before it is carried out. */
export function planLines(plan: PlanBody, terminal: Pick<Terminal, 'style'>): string[] {
  const owner = plan.written_by === 'one_process' ? ', written by the one process that owns the file' : '';
  return [
    `${terminal.style('bold', 'Plan')}  ${formatTime(plan.planned_at)}, up to ${formatCount(plan.lanes)} lanes${owner}`,
    ...plan.refusals.map(({ code, message }) => terminal.style('red', `refused (${code}): ${toOneLine(message)}`)),
    ...(plan.schemas.length === 0 ? [] : ['', ...formatTable(COLUMNS, plan.schemas.map(toRow)), ESTIMATES]),
    ...plan.schemas.flatMap((schema) => schemaLines(schema, terminal)),
    ...driftLines(plan, terminal),
  ];
}

const ESTIMATES = 'Records and MB are estimates by the statistics of the systems.';

/** Exit code that a plan stands for: something would be refused. */
export function planExitCode(plan: PlanBody): number {
  return plan.refusals.length > 0 || plan.schemas.some(({ outcome }) => outcome === 'refuse') ? 1 : 0;
}

function toRow({ schema, outcome, load }: SchemaPlanBody): string[] {
  if (load === null) return [schema, outcome, '-', '-', '-', '-', '-', '-', '-'];
  const { records, bytes } = load.estimate;
  return [
    schema,
    outcome,
    load.kind,
    load.table,
    load.replacement?.how ?? load.kind,
    records === null ? '?' : formatCount(records),
    bytes === null ? '?' : (bytes / 1_000_000).toFixed(1),
    formatCount(load.segments.count),
    `${load.transfer.format}, ${load.transfer.path}`,
  ];
}

function schemaLines(schema: SchemaPlanBody, terminal: Pick<Terminal, 'style'>): string[] {
  const title = terminal.style(OUTCOME_STYLES[schema.outcome], toOneLine(schema.schema));
  const refused = schema.refusals.map(({ code, message }) => `refused (${code}): ${message}`);
  const skipped = schema.outcome === 'skip' && schema.reason !== null ? [schema.reason] : [];
  const lines = [...refused, ...skipped, ...(schema.load === null ? [] : loadLines(schema.load))];
  return ['', title, ...lines.map((line) => `  ${toOneLine(line)}`)];
}

function loadLines(load: Load): string[] {
  const { replacement, transfer, loss_guard, estimate, live_records, tracking } = load;
  const { fields, fields_left_out, casts, filters } = transfer.pushed_down;
  return [
    `${load.kind}: ${load.reason}`,
    ...(replacement === null ? [] : [`${replacement.how.replaceAll('_', ' ')}: ${replacement.reason}`]),
    `moves as ${transfer.format} (${transfer.path.replaceAll('_', ' ')}): ${transfer.reason}`,
    ...(fields_left_out === 0 ? [] : [`reads ${fields} fields and leaves out ${fields_left_out}`]),
    ...casts.map((cast) => `converted by the source: ${cast}`),
    ...load.conversions.filter((text) => !casts.includes(text)).map((text) => `converted: ${text}`),
    ...filters,
    ...load.changes.map(changeText),
    ...load.destructive_steps.map(({ text }) => `! ${text}`),
    `estimate: ${estimate.basis}${live_records === null || replacement?.how === 'create' ? '' : `; the table holds about ${formatCount(live_records)} records`}`,
    `loss guard: ${loss_guard.text}`,
    `receipt: ${load.receipt.depth}, ${load.receipt.hashing}`,
    ...(tracking === null ? [] : [`tracked by ${tracking.field} (${tracking.guarantee}): ${tracking.reason}`]),
  ];
}

function changeText({ kind, column, before, after }: Change): string {
  const what = `${kind.replaceAll('_', ' ')}${column === null ? '' : ` ${column}`}`;
  if (before === null) return `${what}: ${after ?? ''}`;
  return `${what}: ${before}${after === null ? '' : ` → ${after}`}`;
}

function driftLines({ drift }: PlanBody, terminal: Pick<Terminal, 'style'>): string[] {
  if (drift.length === 0) return [];
  const lines = drift.map(({ kind, schema, field, outcome }) =>
    toOneLine(`  ${schema}${field === null ? '' : `.${field}`}: ${kind.replaceAll('_', ' ')}. ${outcome}`),
  );
  return ['', terminal.style('dim', 'changed in the source'), ...lines];
}
