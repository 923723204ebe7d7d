/** The API's words for one execution of a bulk sync. */
export const EXECUTION_STATUSES = [
  'created',
  'scheduled',
  'running',
  'exporting',
  'canceling',
  'canceled',
  'completed',
  'failed',
  'processing',
  'errors',
  'interrupted',
] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];

/** What can happen to an execution. */
export const EXECUTION_EVENTS = [
  'schedule',
  'start',
  'cancel',
  'complete',
  'complete_with_errors',
  'fail',
  'settle_cancel',
  'give_up',
] as const;
export type ExecutionEvent = (typeof EXECUTION_EVENTS)[number];

const NOTHING: Readonly<Record<ExecutionEvent, null>> = {
  schedule: null,
  start: null,
  cancel: null,
  complete: null,
  complete_with_errors: null,
  fail: null,
  settle_cancel: null,
  give_up: null,
};

const WORKING: Readonly<Record<ExecutionEvent, ExecutionStatus | null>> = {
  ...NOTHING,
  start: 'running', // recovery keeps `running`: a start of what runs is no change
  cancel: 'canceling',
  complete: 'completed',
  complete_with_errors: 'errors',
  fail: 'failed',
  settle_cancel: 'canceled', // every schema was cancelled by itself
  give_up: 'interrupted',
};

const WAITING: Readonly<Record<ExecutionEvent, ExecutionStatus | null>> = {
  ...NOTHING,
  schedule: 'scheduled',
  start: 'running',
  cancel: 'canceling',
  fail: 'failed',
  give_up: 'interrupted',
};

/** The total transition table: the next status, or null where the event changes nothing. */
export const EXECUTION_TRANSITIONS: Readonly<
  Record<ExecutionStatus, Readonly<Record<ExecutionEvent, ExecutionStatus | null>>>
> = {
  created: WAITING,
  scheduled: WAITING,
  running: WORKING,
  exporting: WORKING,
  processing: WORKING,
  canceling: {
    ...NOTHING,
    settle_cancel: 'canceled',
    fail: 'failed',
    give_up: 'interrupted',
    complete: 'completed',
    complete_with_errors: 'errors',
  },
  canceled: NOTHING,
  completed: NOTHING,
  failed: NOTHING,
  errors: NOTHING,
  interrupted: NOTHING,
};

/** Statuses from which nothing follows. */
export const TERMINAL_STATUSES = [
  'canceled',
  'completed',
  'failed',
  'errors',
  'interrupted',
] as const satisfies readonly ExecutionStatus[];

/** True when nothing can follow any more. */
export function isTerminal(status: ExecutionStatus): boolean {
  return TERMINAL_STATUSES.some((terminal) => terminal === status);
}

/** The API's words for one schema of an execution. */
export const SCHEMA_STATUSES = [
  'created',
  'scheduled',
  'running',
  'exporting',
  'processing',
  'canceled',
  'completed',
  'failed',
  'interrupted',
] as const;
export type SchemaStatus = (typeof SCHEMA_STATUSES)[number];
