import type { ProgressBody } from '../contract/index.ts';
import { type Column, cutToWidth, formatCount, formatDuration, formatRate, formatTable } from './format.ts';
import type { Terminal } from './terminal.ts';

/** One schema's progress, as the API tells it. */
export type SchemaProgress = ProgressBody['schemas'][number];

const BAR_CELLS = 20;
const LEAST_SHARE = 0.05;

const COLUMNS: readonly Column[] = [
  { title: 'schema' },
  { title: 'status' },
  { title: 'progress' },
  { title: 'records', align: 'right' },
  { title: 'records/s', align: 'right' },
  { title: 'speed', align: 'right' },
  { title: 'time left', align: 'right' },
];

/**
 * The live picture of an execution: a title line and a line per schema, cut to the terminal's width and height.
 * Where not all fit, schemas at work come first and the rest is counted.
 */
export function progressLines(
  schemas: readonly SchemaProgress[],
  terminal: Pick<Terminal, 'columns' | 'rows'>,
): string[] {
  const shown = selectShown(schemas, Math.max(1, terminal.rows - 5));
  const lines = formatTable(COLUMNS, shown.map(toRow));
  if (shown.length < schemas.length) lines.push(`… and ${schemas.length - shown.length} more schemas`);
  return lines.map((line) => cutToWidth(line, terminal.columns));
}

/** The same for a log: one line with the sums. Speed and time left are those of reading. */
export function progressSummary(schemas: readonly SchemaProgress[]): string {
  const reading = schemas.filter(({ phase }) => phase === 'reading');
  const finishing = schemas.filter(({ phase }) => phase === 'finishing').length;
  const recordRate = sum(reading, (schema) => schema.records_per_second ?? 0);
  const byteRate = sum(reading, (schema) => schema.bytes_per_second ?? 0);
  const secondsLeft = timeLeft(schemas, recordRate);
  return [
    `${schemas.filter(isDone).length} of ${schemas.length} schemas done`,
    ...(finishing > 0 ? [`${finishing} being published and verified`] : []),
    `${formatCount(sum(schemas, ({ records }) => records))} records read`,
    ...(recordRate > 0 ? [`${formatCount(recordRate)} records/s`, formatRate(byteRate)] : []),
    ...(secondsLeft === null ? [] : [`about ${formatDuration(secondsLeft)} of reading left`]),
  ].join(', ');
}

/** Of everything that is estimated, at the present speed; null where so little was read that it would be a guess. */
function timeLeft(schemas: readonly SchemaProgress[], recordRate: number): number | null {
  const open = schemas.filter((schema) => !isDone(schema));
  const read = sum(open, ({ records }) => records);
  const left = sum(open, (schema) => Math.max(0, (schema.estimated_records ?? 0) - schema.records));
  return recordRate === 0 || left === 0 || read < (read + left) * LEAST_SHARE ? null : left / recordRate;
}

function selectShown(schemas: readonly SchemaProgress[], limit: number): readonly SchemaProgress[] {
  if (schemas.length <= limit) return schemas;
  const byUrgency = [...schemas].sort((a, b) => Number(isWorking(b)) - Number(isWorking(a)));
  return byUrgency.slice(0, limit);
}

function toRow(schema: SchemaProgress): string[] {
  // A finished schema keeps its mean speed.
  const isMoving = (isWorking(schema) || isDone(schema)) && (schema.records_per_second ?? 0) > 0;
  return [
    schema.schema,
    stateOf(schema),
    bar(schema),
    formatCount(schema.records),
    isMoving ? formatCount(schema.records_per_second ?? 0) : '',
    isMoving ? formatRate(schema.bytes_per_second ?? 0) : '',
    isWorking(schema) && schema.seconds_left !== null ? formatDuration(schema.seconds_left) : '',
  ];
}

/** The phase says more than `running`; an end says more than a phase. */
function stateOf({ status, phase }: SchemaProgress): string {
  return ['running', 'exporting', 'processing'].includes(status) ? phase : status;
}

/** Share of the estimated records, which may be wrong by statistics: never shown full before the end. */
function bar(schema: SchemaProgress): string {
  const share = shareDone(schema);
  if (share === null) return '';
  const full = isDone(schema) ? BAR_CELLS : Math.min(BAR_CELLS - 1, Math.floor(share * BAR_CELLS));
  return '█'.repeat(full) + '░'.repeat(BAR_CELLS - full);
}

function shareDone(schema: SchemaProgress): number | null {
  if (isDone(schema)) return 1;
  if (schema.estimated_records === null || schema.estimated_records <= 0) return null;
  return schema.records / schema.estimated_records;
}

function isWorking(schema: SchemaProgress): boolean {
  return ['running', 'exporting', 'processing'].includes(schema.status);
}

function isDone(schema: SchemaProgress): boolean {
  return schema.status === 'completed';
}

function sum(schemas: readonly SchemaProgress[], of: (schema: SchemaProgress) => number): number {
  return schemas.reduce((total, schema) => total + of(schema), 0);
}
