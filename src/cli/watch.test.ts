import { describe, expect, it } from 'vitest';
import { ApiFailure, type Client, type ExecutionBody } from '../contract/index.ts';
import { createTerminal } from './terminal.ts';
import { followExecution, type WatchClock, watchExecution } from './watch.ts';

const TARGET = { syncId: 's', executionId: 'e' };
const AWAY = new ApiFailure('Nothing answers.', { status: null, key: 'unreachable' });

/** Answers of the server, one per look; the last one stays. */
function clientOf(looks: readonly (ExecutionBody['status'] | ApiFailure)[]): Client {
  let index = 0;
  const getExecution = async () => {
    const look = looks[Math.min(index, looks.length - 1)] ?? 'running';
    index += 1;
    if (look instanceof ApiFailure) throw look;
    return { id: 'e', status: look };
  };
  const getProgress = async () => ({
    schemas: [
      {
        schema: 'public.t',
        status: 'running',
        phase: 'reading',
        records: index,
        estimated_records: null,
        seconds_left: null,
      },
    ],
  });
  // Only these two are called.
  return { getExecution, getProgress } as unknown as Client;
}

/** Time that passes only by waiting. */
function fakeClock(): WatchClock {
  let now = 0;
  return {
    now: () => now,
    wait: async (milliseconds, signal) => {
      signal.throwIfAborted();
      now += milliseconds;
    },
  };
}

function recorder(isTTY: boolean) {
  const written: string[] = [];
  const stream = { isTTY, columns: 80, rows: 24, write: (text: string) => written.push(text) };
  return { terminal: createTerminal(stream, { hasColour: false }), text: () => written.join('') };
}

const NEVER = new AbortController().signal;

describe('watchExecution', () => {
  it('answers with the execution once it is over', async () => {
    const { terminal } = recorder(false);
    const execution = await watchExecution(
      clientOf(['running', 'running', 'failed']),
      TARGET,
      terminal,
      NEVER,
      fakeClock(),
    );
    expect(execution.status).toBe('failed');
  });

  it('redraws in place on a terminal', async () => {
    const { terminal, text } = recorder(true);
    await watchExecution(clientOf(['running', 'completed']), TARGET, terminal, NEVER, fakeClock());
    expect(text()).toContain('\u001b[2A');
  });

  it('writes few lines, and no control characters, elsewhere', async () => {
    const { terminal, text } = recorder(false);
    const looks = [...Array.from({ length: 60 }, () => 'running' as const), 'completed' as const];
    await watchExecution(clientOf(looks), TARGET, terminal, NEVER, fakeClock());
    expect(text()).not.toContain('\u001b');
    // 30 seconds pass: a line at the beginning, one every ten seconds, the last of them at the end.
    expect(text().trim().split('\n')).toHaveLength(4);
  });

  it('waits for a server that is started again', async () => {
    const { terminal, text } = recorder(false);
    const client = clientOf(['running', AWAY, AWAY, 'running', 'completed']);
    expect((await watchExecution(client, TARGET, terminal, NEVER, fakeClock())).status).toBe('completed');
    expect(text().match(/does not answer/g)).toHaveLength(1);
  });

  it('gives up on a server that stays away', async () => {
    const { terminal } = recorder(false);
    const watching = watchExecution(clientOf(['running', AWAY]), TARGET, terminal, NEVER, fakeClock());
    await expect(watching).rejects.toBe(AWAY);
  });

  it('does not wait where waiting cannot help', async () => {
    const { terminal } = recorder(false);
    const gone = new ApiFailure('There is no such execution.', { status: 404, key: 'NOT_FOUND' });
    const watching = watchExecution(clientOf([gone]), TARGET, terminal, NEVER, fakeClock());
    await expect(watching).rejects.toBe(gone);
  });
});

describe('followExecution', () => {
  it('answers null when the person stops watching', async () => {
    const controller = new AbortController();
    controller.abort();
    const { terminal } = recorder(false);
    expect(await followExecution(clientOf(['running']), TARGET, terminal, controller.signal)).toBeNull();
  });
});
