import { describe, expect, it } from 'vitest';
import type { PlanBody, SchemaPlanBody } from '../contract/index.ts';
import { planExitCode, planLines } from './plan.ts';
import { createTerminal } from './terminal.ts';

const plain = createTerminal({ write: () => {} }, { hasColour: false });

const LOAD: NonNullable<SchemaPlanBody['load']> = {
  kind: 'replace',
  reason: 'snapshot mode replaces all records',
  table: 'landing.flights',
  replacement: { how: 'in_place', reason: 'these hang on the table: view v' },
  transfer: {
    format: 'pgcopy-binary',
    path: 'push_down',
    reason: 'passed through',
    transports: ['source: TLS, verified'],
    pushed_down: { fields: 3, fields_left_out: 2, casts: ['mood: enum as text'], filters: ['only the new'] },
  },
  conversions: ['mood: enum as text', 'wide: as text'],
  changes: [
    { kind: 'add_column', column: 'gate', before: null, after: 'text' },
    { kind: 'widen_column', column: 'id', before: 'integer', after: 'bigint' },
    { kind: 'drop_column', column: 'old', before: 'text', after: null },
  ],
  destructive_steps: [{ kind: 'empty_table', text: 'It is emptied.' }],
  estimate: { records: 1_234_567, bytes: 98_700_000, basis: 'statistics' },
  live_records: 1_200_000,
  loss_guard: { compares: 'keys', max_loss_percent: 50, text: 'Nothing is changed when half is gone.' },
  segments: { count: 12, ranges: ['id below 7'] },
  receipt: { depth: 'checksums', hashing: 'native' },
  tracking: { field: 'changed_at', guarantee: 'best_effort', reason: 'a replica' },
};

const SCHEMA: SchemaPlanBody = { schema: 'public.flights', outcome: 'load', reason: null, refusals: [], load: LOAD };

const PLAN: PlanBody = {
  execution_id: null,
  planned_at: '2025-11-22T08:00:00Z',
  refusals: [],
  lanes: 4,
  written_by: 'one_process',
  added_schemas: [],
  schemas: [SCHEMA],
  drift: [],
};

describe('planLines', () => {
  it('shows everything that a load would do, and what is only estimated', () => {
    const text = planLines(PLAN, plain).join('\n');
    for (const part of [
      'up to 4 lanes, written by the one process that owns the file',
      'public.flights  load     replace  landing.flights  in_place  1,234,567  98.7        12  pgcopy-binary, push_down',
      'estimates by the statistics',
      'in place: these hang on the table: view v',
      'reads 3 fields and leaves out 2',
      'converted by the source: mood: enum as text',
      'converted: wide: as text',
      'only the new',
      'add column gate: text',
      'widen column id: integer → bigint',
      'drop column old: text',
      '! It is emptied.',
      'the table holds about 1,200,000 records',
      'loss guard: Nothing is changed when half is gone.',
      'tracked by changed_at (best_effort): a replica',
    ]) {
      expect(text).toContain(part);
    }
    expect(text.match(/mood: enum as text/g)).toHaveLength(1);
  });

  it('says what is refused, as a whole and for each schema, and what is skipped', () => {
    const refusals = [{ code: 'TABLE_NOT_OURS', message: 'It is not ours.' }];
    const plan: PlanBody = {
      ...PLAN,
      refusals: [{ code: 'EXECUTION_RUNNING', message: 'It runs.' }],
      schemas: [
        { schema: 'a', outcome: 'refuse', reason: 'It is not ours.', refusals, load: null },
        { schema: 'b', outcome: 'skip', reason: 'Only others were asked for.', refusals: [], load: null },
      ],
    };
    const text = planLines(plan, plain).join('\n');
    for (const part of [
      'refused (EXECUTION_RUNNING): It runs.',
      'refused (TABLE_NOT_OURS): It is not ours.',
      'Only others',
    ])
      expect(text).toContain(part);
  });

  it('marks what no statistics know', () => {
    const estimate = { records: null, bytes: null, basis: 'nobody knows' };
    const text = planLines({ ...PLAN, schemas: [{ ...SCHEMA, load: { ...LOAD, estimate } }] }, plain).join('\n');
    expect(text).toMatch(/in_place +\? +\? +12/);
  });
});

describe('planExitCode', () => {
  it.each([
    [PLAN, 0],
    [{ ...PLAN, refusals: [{ code: 'EXECUTION_RUNNING', message: '' }] }, 1],
    [{ ...PLAN, schemas: [{ ...SCHEMA, outcome: 'refuse' }] }, 1],
    [{ ...PLAN, schemas: [{ ...SCHEMA, outcome: 'skip' }] }, 0],
  ] as const)('is 1 when something would be refused', (plan, code) => {
    expect(planExitCode(plan as PlanBody)).toBe(code);
  });
});
