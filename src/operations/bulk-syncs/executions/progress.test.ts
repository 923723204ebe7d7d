import { describe, expect, it } from 'vitest';
import type { ExecutionSchemaRecord } from '../../../store/index.ts';
import { toProgress } from './progress.ts';

const START = new Date('2025-01-01T00:00:00Z');
const NOW = new Date('2025-01-01T00:00:10Z');

function schema(
  progress: Partial<ExecutionSchemaRecord['progress']>,
  columns: Partial<ExecutionSchemaRecord> = {},
): ExecutionSchemaRecord {
  return {
    executionId: 'e',
    schemaId: 'public.users',
    position: 0,
    status: 'running',
    statusMessage: null,
    outputName: 'users',
    generation: '1',
    estimatedRecords: '1000',
    recordCount: '0',
    errorCount: '0',
    warningCount: '0',
    startedAt: START,
    completedAt: null,
    ...columns,
    progress: { records: 0, bytes: 0, reads: 4, doneReads: 0, isPreparing: false, isFinishing: false, ...progress },
  };
}

describe('toProgress', () => {
  it('tells rates and the time left of a read', () => {
    expect(toProgress(schema({ records: 200, bytes: 5000, doneReads: 1 }), false, NOW)).toMatchObject({
      phase: 'reading',
      recordsPerSecond: 20,
      bytesPerSecond: 500,
      estimatedRecords: 1000,
      secondsLeft: 40,
    });
  });

  it('promises no time once the estimate is passed, or without one', () => {
    expect(toProgress(schema({ records: 1001 }), false, NOW).secondsLeft).toBeNull();
    expect(toProgress(schema({ records: 5 }, { estimatedRecords: null }), false, NOW).secondsLeft).toBeNull();
  });

  it.each<[string, Partial<ExecutionSchemaRecord['progress']>]>([
    ['waiting', {}],
    ['preparing', { isPreparing: true }],
    ['reading', { records: 1 }],
    ['finishing', { records: 1, doneReads: 4 }],
    ['finishing', { isFinishing: true }],
  ])('is %s', (phase, progress) => {
    expect(toProgress(schema(progress), false, NOW).phase).toBe(phase);
  });

  it('is done when the schema has ended, or the execution has', () => {
    expect(toProgress(schema({}, { completedAt: NOW, status: 'completed' }), false, NOW).phase).toBe('done');
    expect(toProgress(schema({}), true, NOW).phase).toBe('done');
  });

  it('knows no rate before anything was read, nor when the clocks disagree', () => {
    expect(toProgress(schema({}), false, NOW).recordsPerSecond).toBeNull();
    expect(toProgress(schema({ records: 5 }, { startedAt: NOW }), false, START).recordsPerSecond).toBeNull();
  });
});
