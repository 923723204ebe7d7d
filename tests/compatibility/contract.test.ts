import { describe, expect, it } from 'vitest';
import { listTypedPaths, readContract } from './contract.ts';

const contract = readContract('2025-09-18');
const GET_SYNC = 'GET /api/bulk/syncs/{id}';

describe('the check against the published document', () => {
  it('takes an answer that fits', () => {
    expect(contract.check(GET_SYNC, 200, { data: { active: true, created_at: '2025-01-01T00:00:00Z' } })).toEqual([]);
    expect(contract.listUnknownKeys(GET_SYNC, 200, { data: { active: true } })).toEqual([]);
  });

  it('finds a wrong type, a wrong word and a wrong format, however deep', () => {
    const data = { active: 'yes', mode: 'mirror', default_schedule: { frequency: 'daily', created_at: 'noon' } };
    const problems = contract.check(GET_SYNC, 200, { data }).join(' ');
    for (const field of ['active', 'mode', 'created_at']) expect(problems).toContain(field);
    expect(contract.check(GET_SYNC, 404, { status: 'gone' })).not.toEqual([]);
  });

  it('finds a key that is not published, but lets free objects be', () => {
    const data = { colour: 1, destination_configuration: { anything: 1 }, additional_schedules: [{ at: 'noon' }] };
    expect(contract.listUnknownKeys(GET_SYNC, 200, { data })).toEqual([
      '.data.colour',
      '.data.additional_schedules[].at',
    ]);
  });

  it('knows every path of a value by its type', () => {
    expect([...listTypedPaths({ a: [{ b: 1 }, { b: null }] })]).toEqual([
      ': object',
      'a: array',
      'a[]: object',
      'a[].b: number',
      'a[].b: null',
    ]);
  });
});
