import type { ExecutionBody } from '../contract/index.ts';
import { type Column, formatCount, formatDuration, formatTable, toOneLine } from './format.ts';
import type { Style, Terminal } from './terminal.ts';

const COLUMNS: readonly Column[] = [
  { title: 'schema' },
  { title: 'written to' },
  { title: 'status' },
  { title: 'records', align: 'right' },
  { title: 'errors', align: 'right' },
];

const STATUS_STYLES: Readonly<Record<string, Style>> = {
  completed: 'green',
  failed: 'red',
  errors: 'red',
  interrupted: 'red',
  canceled: 'yellow',
};

/** `completed: 3,058,626 records in 14 s`, with what went wrong behind it. */
export function executionLine(execution: ExecutionBody, terminal: Pick<Terminal, 'style'>): string {
  const { status, record_count, error_count, status_message } = execution;
  const seconds = secondsBetween(execution.started_at, execution.completed_at);
  const isComparison = execution.type === 'verify';
  const parts = [
    isComparison ? 'source and destination compared' : `${formatCount(record_count)} records written`,
    ...(error_count > 0 ? [`${formatCount(error_count)} errors`] : []),
  ];
  const sentence = `${parts.join(', ')}${seconds === null ? '' : ` in ${formatDuration(seconds)}`}`;
  const reason = status_message === undefined || status_message === '' ? '' : `. ${toOneLine(status_message)}`;
  return `${terminal.style(STATUS_STYLES[status] ?? 'bold', status)}: ${sentence}${reason}`;
}

/** A line per schema, and the reason below where one failed. */
export function executionTable({ schemas }: ExecutionBody): string[] {
  const rows = schemas.map((schema) => [
    schema.schema,
    schema.output_name ?? '',
    schema.status,
    formatCount(schema.record_count),
    formatCount(schema.error_count),
  ]);
  const reasons = schemas
    .filter(({ status_message }) => status_message !== undefined && status_message !== '')
    .map(({ schema, status_message = '' }) => `${schema}: ${toOneLine(status_message)}`);
  return [...formatTable(COLUMNS, rows), ...reasons];
}

/** Exit code that an execution stands for: everything but `completed` is a failure to whoever waits for it. */
export function exitCodeOf({ status }: Pick<ExecutionBody, 'status'>): number {
  return status === 'completed' ? 0 : 1;
}

function secondsBetween(from: string | null, to: string | null): number | null {
  return from === null || to === null ? null : (Date.parse(to) - Date.parse(from)) / 1000;
}
