import { describe, expect, it } from 'vitest';
import {
  EXECUTION_EVENTS,
  EXECUTION_STATUSES,
  EXECUTION_TRANSITIONS,
  type ExecutionEvent,
  type ExecutionStatus,
  isTerminal,
} from './statuses.ts';

/** The whole table once more, by hand: columns in the order of EXECUTION_EVENTS, `-` where nothing changes. */
const TABLE: Readonly<Record<ExecutionStatus, string>> = {
  //            schedule  start   cancel    complete  …with errors  fail   settle_cancel  give_up
  created: '    scheduled running canceling -         -             failed -              interrupted',
  scheduled: '  scheduled running canceling -         -             failed -              interrupted',
  running: '    -         running canceling completed errors        failed canceled       interrupted',
  exporting: '  -         running canceling completed errors        failed canceled       interrupted',
  processing: ' -         running canceling completed errors        failed canceled       interrupted',
  canceling: '  -         -       -         completed errors        failed canceled       interrupted',
  canceled: '   -         -       -         -         -             -      -              -',
  completed: '  -         -       -         -         -             -      -              -',
  failed: '     -         -       -         -         -             -      -              -',
  errors: '     -         -       -         -         -             -      -              -',
  interrupted: '-         -       -         -         -             -      -              -',
};

const CELLS = EXECUTION_STATUSES.flatMap((status) => {
  const nexts = TABLE[status].trim().split(/\s+/);
  return EXECUTION_EVENTS.map((event, column): [ExecutionStatus, ExecutionEvent, string | undefined] => [
    status,
    event,
    nexts[column],
  ]);
});

describe('the transition table', () => {
  it('has a cell for every pair of status and event', () => {
    expect(CELLS).toHaveLength(EXECUTION_STATUSES.length * EXECUTION_EVENTS.length);
    expect(CELLS.filter(([, , next]) => next === undefined)).toEqual([]);
  });

  it.each(CELLS)('%s, %s: %s', (status, event, next) => {
    expect(EXECUTION_TRANSITIONS[status][event] ?? '-').toBe(next);
  });

  it('lets nothing follow a terminal status, and something follow every other', () => {
    for (const status of EXECUTION_STATUSES) {
      const follows = EXECUTION_EVENTS.filter((event) => EXECUTION_TRANSITIONS[status][event] !== null);
      expect(follows.length === 0).toBe(isTerminal(status));
    }
  });
});
