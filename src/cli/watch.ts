import { setTimeout as delay } from 'node:timers/promises';
import { ApiFailure, type Client, type ExecutionBody } from '../contract/index.ts';
import { progressLines, progressSummary, type SchemaProgress } from './progress.ts';
import type { Terminal } from './terminal.ts';

const REDRAW_MS = 500;
const LINE_EVERY_MS = 10_000;
/** A server that was killed and started again is back well within this. */
const PATIENCE_MS = 120_000;

const TERMINAL_STATUSES = new Set(['canceled', 'completed', 'failed', 'errors', 'interrupted']);

/** What a test replaces. */
export interface WatchClock {
  readonly now: () => number;
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

const REAL_CLOCK: WatchClock = {
  now: () => performance.now(),
  wait: (milliseconds, signal) => delay(milliseconds, undefined, { signal }),
};

export interface WatchTarget {
  readonly syncId: string;
  readonly executionId: string;
}

/** `watchExecution` for a person: null when Ctrl-C ended the watching, not the execution. */
export async function followExecution(
  client: Client,
  target: WatchTarget,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ExecutionBody | null> {
  try {
    return await watchExecution(client, target, terminal, signal);
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

/**
 * Follows an execution to its end and shows its progress: redrawn lines on a terminal, a line now and then elsewhere.
 * A server that goes away is waited for, since executions carry on by themselves when it is back.
 * @throws the signal's reason when aborted (the execution goes on), `ApiFailure` when the server stays away
 */
export async function watchExecution(
  client: Client,
  target: WatchTarget,
  terminal: Terminal,
  signal: AbortSignal,
  clock: WatchClock = REAL_CLOCK,
): Promise<ExecutionBody> {
  const display = terminal.isInteractive ? redrawn(terminal) : logged(terminal, clock);
  let lastAnswerAt = clock.now();
  for (;;) {
    const seen = await look(client, target, signal).catch((error: unknown) => {
      const mayReturn = error instanceof ApiFailure && error.isTemporary && clock.now() - lastAnswerAt < PATIENCE_MS;
      if (!mayReturn) throw error;
    });
    if (seen === undefined) {
      display.away();
    } else {
      lastAnswerAt = clock.now();
      const isOver = TERMINAL_STATUSES.has(seen.execution.status);
      display.show(seen.schemas, isOver);
      if (isOver) return seen.execution;
    }
    await clock.wait(REDRAW_MS, signal);
  }
}

async function look(
  client: Client,
  { syncId, executionId }: WatchTarget,
  signal: AbortSignal,
): Promise<{ execution: ExecutionBody; schemas: readonly SchemaProgress[] }> {
  // In this order the last picture is never older than the end it is shown with.
  const execution = await client.getExecution(syncId, executionId, signal);
  const { schemas } = await client.getProgress(syncId, executionId, signal);
  return { execution, schemas };
}

interface Display {
  show(schemas: readonly SchemaProgress[], isOver: boolean): void;
  away(): void;
}

function redrawn(terminal: Terminal): Display {
  let drawn = 0;
  const draw = (lines: readonly string[]): void => {
    const up = drawn === 0 ? '' : `\u001b[${drawn}A`;
    terminal.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}\u001b[J`);
    drawn = lines.length;
  };
  let last: readonly string[] = [];
  return {
    show: (schemas) => {
      last = progressLines(schemas, terminal);
      draw(last);
    },
    away: () => draw([...last, terminal.style('yellow', 'The server does not answer; waiting for it.')]),
  };
}

function logged(terminal: Terminal, clock: WatchClock): Display {
  let saidAt = Number.NEGATIVE_INFINITY;
  let said = '';
  const say = (line: string, isUrgent: boolean): void => {
    if (line === said || (!isUrgent && clock.now() - saidAt < LINE_EVERY_MS)) return;
    terminal.line(line);
    said = line;
    saidAt = clock.now();
  };
  return {
    show: (schemas, isOver) => {
      // Before the first record there is nothing to say.
      if (isOver || schemas.some(({ records }) => records > 0)) say(progressSummary(schemas), isOver);
    },
    away: () => say('The server does not answer; waiting for it.', true),
  };
}
