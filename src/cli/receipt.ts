import type { ReceiptBody, RecordDifferencesBody, RejectBody, SchemaReceiptBody } from '../contract/index.ts';
import { type Column, formatCount, formatTable, formatTime, toOneLine } from './format.ts';
import type { Style, Terminal } from './terminal.ts';

const COUNTS: readonly Column[] = [
  { title: 'schema' },
  { title: 'verdict' },
  { title: 'read', align: 'right' },
  { title: 'written', align: 'right' },
  { title: 'unchanged', align: 'right' },
  { title: 'deleted', align: 'right' },
  { title: 'rejected', align: 'right' },
];

const PROOFS: readonly Column[] = [
  { title: 'proof' },
  { title: 'scope' },
  { title: 'source', align: 'right' },
  { title: 'destination', align: 'right' },
  { title: 'sum at the source' },
  { title: 'sum at the destination' },
];

const SHOWN_KEYS = 20;

const VERDICT_STYLES: Readonly<Record<string, Style>> = { equal: 'green', different: 'red', unproved: 'yellow' };

/** A receipt for people: what moved, what was compared with what, and everything that is not proved. */
export function receiptLines(receipt: ReceiptBody, terminal: Pick<Terminal, 'style'>): string[] {
  return [
    `${terminal.style('bold', 'Receipt')}  ${verdict(receipt.verdict, terminal)}, depth ${receipt.depth}, issued ${formatTime(receipt.issued_at)}`,
    '',
    ...formatTable(COUNTS, receipt.schemas.map(countRow)),
    '',
    ...formatTable(PROOFS, receipt.schemas.map(proofRow)),
    ...remarks(receipt.schemas, terminal),
  ];
}

function verdict(word: string, terminal: Pick<Terminal, 'style'>): string {
  return terminal.style(VERDICT_STYLES[word] ?? 'yellow', word);
}

function countRow({ schema, verdict, counts }: SchemaReceiptBody): string[] {
  const numbers = [counts.read, counts.written, counts.unchanged, counts.deleted, counts.rejected];
  return [schema, verdict, ...numbers.map(formatCount)];
}

function proofRow({ schema, scope, source, destination }: SchemaReceiptBody): string[] {
  return [
    schema,
    scope,
    formatCount(source.records),
    destination === null ? '-' : formatCount(destination.records),
    shortSum(source.sum),
    shortSum(destination?.sum ?? null),
  ];
}

/** The first 16 of 32 digits tell two sums apart for a reader; the JSON form holds all. */
function shortSum(sum: string | null): string {
  return sum === null ? '-' : `${sum.slice(0, 16)}…`;
}

/** What is true of every schema is said once. */
function remarks(schemas: readonly SchemaReceiptBody[], terminal: Pick<Terminal, 'style'>): string[] {
  const bySchema = schemas.map((schema) => ({ title: schema.schema, lines: remarksOf(schema) }));
  const [first, ...others] = bySchema;
  const shared = first?.lines.filter((line) => others.every(({ lines }) => lines.includes(line))) ?? [];
  const sections = [
    { title: schemas.length === 1 ? (first?.title ?? '') : 'every schema', lines: shared },
    ...bySchema.map(({ title, lines }) => ({ title, lines: lines.filter((line) => !shared.includes(line)) })),
  ];
  return sections
    .filter(({ lines }) => lines.length > 0)
    .flatMap(({ title, lines }) => ['', terminal.style('dim', title), ...lines.map((line) => `  ${line}`)]);
}

function remarksOf(receipt: SchemaReceiptBody): string[] {
  const { positions, hashing, format, conversions, notes, differences, differing, repaired } = receipt;
  return [
    ...positions.map(({ position, taken_at }) => `read at ${position ?? 'no position'}, ${formatTime(taken_at)}`),
    `moved as ${format}`,
    ...(hashing === null ? [] : [`records hashed as ${hashing}`]),
    ...conversions.map((conversion) => `converted: ${conversion}`),
    ...notes,
    ...differences.map(
      ({ range, source, destination }) =>
        `differs: ${range} (${formatCount(source.records)} records at the source, ${formatCount(destination.records)} at the destination)`,
    ),
    ...recordLines('differing', differing),
    ...recordLines('repaired', repaired),
  ].map(toOneLine);
}

/** Numbers first, then the first keys; the JSON form holds all that were kept. */
function recordLines(title: string, found: RecordDifferencesBody | null): string[] {
  if (found === null) return [];
  const counts = `${formatCount(found.missing)} missing, ${formatCount(found.extra)} extra, ${formatCount(found.different)} different`;
  const keys = found.records.slice(0, SHOWN_KEYS).map(({ kind, key }) => `${title}, ${kind}: ${keyText(key)}`);
  const more = found.records.length - keys.length;
  return [
    `${title}: ${found.complete ? '' : 'at least '}${counts}`,
    ...keys,
    ...(more > 0 ? [`… and ${formatCount(more)} more keys with --json`] : []),
  ];
}

/** Rejected records by their key and the destination's reason. */
export function rejectLines(rejects: readonly RejectBody[]): string[] {
  const rows = rejects.map(({ schema, key, reason }) => [schema, keyText(key), reason]);
  return formatTable([{ title: 'rejected from' }, { title: 'key' }, { title: 'reason' }], rows);
}

function keyText(key: RejectBody['key']): string {
  if (key === null) return 'no key';
  return Object.entries(key)
    .map(([field, value]) => `${field} = ${value ?? 'NULL'}`)
    .join(', ');
}
