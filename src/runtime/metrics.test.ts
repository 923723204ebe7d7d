import { describe, expect, it } from 'vitest';
import { parseMetrics, sumOf } from '../../tests/setup/prometheus.ts';
import type { FleetFacts } from '../core/index.ts';
import { createMetrics, type MetricsSources } from './metrics.ts';

const FLEET: FleetFacts = {
  openExecutions: { running: 2, created: 1 },
  steps: { waiting: 7, owned: 3 },
  workers: { alive: 2, longestSilenceSeconds: 1.5 },
  oldestSnapshotSeconds: null,
  syncs: [
    { syncId: 'a', lagSeconds: 50, lastStatus: 'completed' },
    { syncId: 'b', lagSeconds: 4_000, lastStatus: 'failed' },
  ],
};

const PROCESS = {
  lanes: { busy: 3, allowed: 8 },
  silenceSeconds: 0.4,
  threads: { pool: 1, owner: 0, allowed: 1, jobs: 3 },
  memory: { takenBytes: 1024, capBytes: 4096, waiting: 0 },
  sessions: [{ pool: 'system', busy: 4, idle: 2, waiting: 0, allowed: 20 }],
};

function create(given: Partial<MetricsSources> = {}, perSync = false) {
  const clock = { ms: 0 };
  const metrics = createMetrics({ version: '1.2.3', connectionTypes: ['duckdb'], perSync, now: () => clock.ms });
  metrics.watch({ readFleet: async () => FLEET, readProcess: () => PROCESS, ...given });
  const scrape = async () => parseMetrics((await metrics.render()).body);
  return { metrics, scrape, clock };
}

describe('createMetrics', () => {
  it('shows what was counted and measured, in the text format', async () => {
    const { metrics, scrape } = create();
    metrics.meter.count('read_records', { connection_type: 'postgresql' }, 40);
    metrics.meter.count('read_records', { connection_type: 'postgresql' }, 2);
    metrics.meter.count('read_records', { connection_type: 'duckdb' });
    metrics.meter.observe('http_request_seconds', { method: 'GET', route: '/api/me', status: '200' }, 0.02);
    const seen = await scrape();
    expect(sumOf(seen, 'millrace_read_records_total', { connection_type: 'postgresql' })).toBe(42);
    expect(sumOf(seen, 'millrace_read_records_total')).toBe(43);
    expect(seen.get('millrace_http_request_seconds')?.samples).toContainEqual({
      name: 'millrace_http_request_seconds_bucket',
      labels: { method: 'GET', route: '/api/me', status: '200', le: '0.025' },
      value: 1,
    });
    expect(seen.get('millrace_build_info')?.samples).toMatchObject([{ labels: { version: '1.2.3' }, value: 1 }]);
    expect((await metrics.render()).contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  it('begins counters at nothing, so that the first growth is seen', async () => {
    const seen = await create().scrape();
    expect(seen.get('millrace_verifications_total')?.samples).toContainEqual({
      name: 'millrace_verifications_total',
      labels: { verdict: 'different' },
      value: 0,
    });
    expect(seen.get('millrace_rejected_records_total')?.samples).toMatchObject([
      { labels: { connection_type: 'duckdb' }, value: 0 },
    ]);
    for (const { name, type, samples } of seen.values())
      if (type === 'counter') expect({ name, samples }).not.toEqual({ name, samples: [] });
  });

  it('reads gauges at each scrape, and forgets what is no more', async () => {
    let fleet = FLEET;
    const { scrape, clock } = create({ readFleet: async () => fleet });
    const first = await scrape();
    expect(sumOf(first, 'millrace_executions_open', { status: 'created' })).toBe(1);
    expect(sumOf(first, 'millrace_steps', { state: 'waiting' })).toBe(7);
    expect(sumOf(first, 'millrace_lanes', { state: 'busy' })).toBe(3);
    expect(sumOf(first, 'millrace_oldest_snapshot_seconds')).toBe(0);
    expect(sumOf(first, 'millrace_metadata_sessions', { pool: 'system', state: 'busy' })).toBe(4);
    fleet = { ...FLEET, openExecutions: { running: 1 }, oldestSnapshotSeconds: 12 };
    clock.ms = 6_000;
    const second = await scrape();
    expect(second.get('millrace_executions_open')?.samples).toMatchObject([
      { labels: { status: 'running' }, value: 1 },
    ]);
    expect(sumOf(second, 'millrace_oldest_snapshot_seconds')).toBe(12);
  });

  it('says how far syncs are behind, by id only when asked to', async () => {
    const { scrape } = create();
    const seen = await scrape();
    expect(sumOf(seen, 'millrace_sync_lag_seconds_max')).toBe(4_000);
    expect(sumOf(seen, 'millrace_syncs_behind', { over: '1h' })).toBe(1);
    expect(sumOf(seen, 'millrace_syncs_behind', { over: '6h' })).toBe(0);
    expect(sumOf(seen, 'millrace_syncs_by_last_status', { status: 'failed' })).toBe(1);
    expect(seen.get('millrace_sync_lag_seconds')?.samples).toEqual([]);
    const perSync = await create({}, true).scrape();
    expect(sumOf(perSync, 'millrace_sync_lag_seconds', { sync: 'b' })).toBe(4_000);
  });

  it('asks the metadata database once for scrapes that come close together', async () => {
    let asked = 0;
    const readFleet = async () => {
      asked += 1;
      return FLEET;
    };
    const { scrape, clock } = create({ readFleet });
    await Promise.all([scrape(), scrape(), scrape()]);
    expect(asked).toBe(1);
    clock.ms = 5_001;
    await scrape();
    expect(asked).toBe(2);
  });

  it('answers without what the metadata database knows while that is away', async () => {
    let isAway = true;
    const { metrics, scrape } = create({
      readFleet: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve(FLEET)),
    });
    metrics.meter.count('executions_ended', { status: 'failed' });
    const away = await scrape();
    expect(sumOf(away, 'millrace_metadata_up')).toBe(0);
    expect(away.get('millrace_steps')?.samples).toEqual([]);
    expect(sumOf(away, 'millrace_executions_ended_total', { status: 'failed' })).toBe(1);
    isAway = false;
    expect(sumOf(await scrape(), 'millrace_metadata_up')).toBe(1);
  });

  it('says how the process itself is', async () => {
    const seen = await create().scrape();
    expect(sumOf(seen, 'process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
    expect(seen.has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
  });
});
