import { describe, expect, it } from 'vitest';
import type { InstallationFacts, MetadataFacts } from '../../store/index.ts';
import { judgeMetadata } from './metadata.ts';

const INSTALLATION: InstallationFacts = {
  migrationProblem: null,
  pendingMigrations: [],
  hasOldTables: false,
  key: 'right',
  executions: 10,
  workers: [{ host: 'one', pid: 7, build: '1.0.0', silentSeconds: 1 }],
  openExecutions: [],
  overdue: [],
};

const FACTS: MetadataFacts = {
  serverVersion: '18.1',
  sizeBytes: 10_000_000,
  clockAheadMs: 0,
  isSuperuser: false,
  installation: INSTALLATION,
};

const EXECUTION = {
  id: 'e1',
  syncId: 's1',
  syncName: 'shop',
  status: 'running',
  quietSeconds: 5,
  lostSteps: 0,
  snapshotSeconds: 60,
  generations: [],
};

/** What is not well, of an installation with these differences. */
function judge(facts: Partial<MetadataFacts>, installation: Partial<InstallationFacts> = {}): string[] {
  return judgeMetadata({ ...FACTS, installation: { ...INSTALLATION, ...installation }, ...facts }, '1.0.0')
    .filter(({ level }) => level !== 'ok')
    .map(({ level, check, message }) => `${level} ${check}: ${message}`);
}

describe('judgeMetadata', () => {
  it('finds nothing in what is well', () => {
    expect(judge({})).toEqual([]);
    expect(judge({ installation: null })).toEqual([]);
    expect(judge({}, { openExecutions: [EXECUTION], overdue: [{ name: 'shop', seconds: 30 }] })).toEqual([]);
  });

  it.each([
    [900, []],
    [-2_000, ['notice clock: the metadata database is 2.0 s behind this machine']],
    [40_000, ['wrong clock: the metadata database is 40.0 s ahead of this machine']],
  ])('weighs a clock that is %i ms ahead', (clockAheadMs, findings) => {
    expect(judge({ clockAheadMs })).toEqual(findings);
  });

  it.each<[string, Partial<MetadataFacts>, Partial<InstallationFacts>, RegExp]>([
    ['an old server', { serverVersion: '11.22' }, {}, /^wrong metadata database: PostgreSQL 11.22/],
    ['a superuser', { isSuperuser: true }, {}, /^notice metadata user: is a superuser/],
    [
      'pending migrations',
      {},
      { pendingMigrations: ['0008_a.sql', '0009_b.sql'] },
      /^notice migrations: 2 are not applied yet: 0008_a, 0009_b$/,
    ],
    [
      'pending migrations, and nothing of what older tables do not tell',
      {},
      { pendingMigrations: ['0009_b.sql'], hasOldTables: true, workers: [], openExecutions: [EXECUTION] },
      /^notice migrations: 1 are not applied yet: 0009_b$/,
    ],
    ['a missing key', {}, { key: 'missing' }, /^wrong master key: is missing/],
    [
      'a silent worker',
      {},
      { workers: [{ host: 'one', pid: 7, build: '1.0.0', silentSeconds: 90 }] },
      /^notice workers: process 7 on one has been silent for 1 min/,
    ],
    [
      'an older worker',
      {},
      { workers: [{ host: 'one', pid: 7, build: '0.9.0', silentSeconds: 1 }] },
      /^notice workers: process 7 on one is Millrace 0.9.0, this is 1.0.0/,
    ],
    ['work without workers', {}, { workers: [], openExecutions: [EXECUTION] }, /^wrong workers: none is alive, and 1/],
    [
      'steps that nobody takes up',
      {},
      { openExecutions: [{ ...EXECUTION, lostSteps: 3, quietSeconds: 60 }] },
      /^wrong execution: e1 of shop has 3 steps/,
    ],
    [
      'an execution that stands still',
      {},
      { openExecutions: [{ ...EXECUTION, quietSeconds: 7_200 }] },
      /^notice execution: .* begun no step for 2 h/,
    ],
    [
      'an image that is held long',
      {},
      { openExecutions: [{ ...EXECUTION, snapshotSeconds: 5 * 3_600 }] },
      /^notice execution: .* held its source image for 5 h/,
    ],
    ['a late start', {}, { overdue: [{ name: 'shop', seconds: 600 }] }, /^wrong schedules: nobody starts 1 .*10 min/],
    ['a long history', {}, { executions: 3_000_000 }, /^notice history: about 3000000/],
  ])('names %s', (_, facts, installation, finding) => {
    expect(judge(facts, installation)).toEqual([expect.stringMatching(finding)]);
  });
});
