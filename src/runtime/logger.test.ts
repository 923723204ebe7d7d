import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.ts';

function createOutput(isTTY: boolean) {
  const lines: string[] = [];
  return { lines, output: { isTTY, write: (line: string) => lines.push(line) } };
}

describe('createLogger', () => {
  it('writes one JSON object a line, without process and host', () => {
    const { lines, output } = createOutput(false);
    createLogger({ output }).info({ syncId: 's1' }, 'sync started');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      syncId: 's1',
      msg: 'sync started',
    });
  });

  it('writes readable lines to a terminal, with the stack of an error', () => {
    const { lines, output } = createOutput(true);
    createLogger({ output }).warn({ syncId: 's1', attempt: 2, err: new Error('boom') }, 'sync retried');
    expect(lines.join('')).toMatch(
      /^\d\d:\d\d:\d\d warn {2}sync retried \(syncId=s1 attempt=2\)\nError: boom\n {4}at /,
    );
  });

  it.each([true, false])('masks secrets in fields and URLs (terminal: %s)', (isTTY) => {
    const { lines, output } = createOutput(isTTY);
    const log = createLogger({ output });
    log.info({ password: 'hush', connection: { token: 'hush', configuration: { host: 'hush' } } }, 'saved');
    log.error({ err: new Error('cannot reach postgresql://me:hush@db/x') }, 'no route to mysql://me:hush@db/y');
    expect(lines.join('')).not.toContain('hush');
    expect(lines.join('')).toContain('postgresql://me:***@db/x');
  });

  it('leaves out what is below its level', () => {
    const { lines, output } = createOutput(false);
    createLogger({ output, level: 'warn' }).info('hidden');
    createLogger({ output, level: 'silent' }).error('hidden');
    expect(lines).toEqual([]);
  });
});
