import type { ProgressBody } from '../contract/index.ts';
import { type Column, cutToWidth, formatCount, formatDuration, formatRate, formatTable } from './format.ts';
import type { Terminal } from './terminal.ts';

/** One schema's progress, as the API tells it. */
export type SchemaProgress = ProgressBody['schemas'][number];

const BAR_CELLS = 20;

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

/** The same for a log: one line with the sums. */
export function progressSummary(schemas: readonly SchemaProgress[]): string {
  const done = schemas.filter(isDone).length;
  const records = sum(schemas, ({ records }) => records);
  const recordRate = sum(schemas.filter(isWorking), (schema) => schema.records_per_second ?? 0);
  const byteRate = sum(schemas.filter(isWorking), (schema) => schema.bytes_per_second ?? 0);
  const secondsLeft = timeLeft(schemas, recordRate);
  return [
    `${done} of ${schemas.length} schemas done`,
    `${formatCount(records)} records`,
    ...(recordRate > 0 ? [`${formatCount(recordRate)} records/s`, formatRate(byteRate)] : []),
    ...(secondsLeft > 0 ? [`about ${formatDuration(secondsLeft)} left`] : []),
  ].join(', ');
}

/** Of everything that is estimated, at the present speed. Schemas that have not begun count, too. */
function timeLeft(schemas: readonly SchemaProgress[], recordRate: number): number {
  const open = schemas.filter((schema) => !isDone(schema));
  const records = sum(open, (schema) => Math.max(0, (schema.estimated_records ?? 0) - schema.records));
  return recordRate === 0 ? 0 : records / recordRate;
}

function selectShown(schemas: readonly SchemaProgress[], limit: number): readonly SchemaProgress[] {
  if (schemas.length <= limit) return schemas;
  const byUrgency = [...schemas].sort((a, b) => Number(isWorking(b)) - Number(isWorking(a)));
  return byUrgency.slice(0, limit);
}

function toRow(schema: SchemaProgress): string[] {
  const isMoving = isWorking(schema) && (schema.records_per_second ?? 0) > 0;
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
