import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';
import pg from 'pg';
import { createWorld, type World } from '../tests/compatibility/conformance/world.ts';
import { copyRows } from '../tests/setup/many-rows.ts';
import { say } from './say.ts';

const SYNCS = 10_000;
const EXECUTIONS_PER_SYNC = 100;
const REQUESTS_PER_SECOND = 200;
const SECONDS = 30;
const CLIENTS = 10;
const GOAL = { medianMs: 10, slowestMs: 60 };

/** What reads cost while many come at once. */
export interface ApiFigures {
  readonly requests: number;
  /** Answers other than 200. */
  readonly failures: number;
  readonly medianMs: number;
  /** 99 of 100 took no longer. */
  readonly slowestMs: number;
}

/** Reads at a steady rate from a store with 10,000 syncs and a million executions, through HTTP, on one machine. */
export async function measureApi(): Promise<ApiFigures> {
  await using world = await createWorld();
  say(`a store of ${SYNCS} syncs with ${EXECUTIONS_PER_SYNC} executions each`);
  const { syncId, executionId } = await fill(world);
  const paths = [
    '/api/bulk/syncs?limit=50',
    `/api/bulk/syncs/${syncId}`,
    `/api/bulk/syncs/${syncId}/status`,
    `/api/bulk/syncs/${syncId}/executions?limit=20`,
    `/api/bulk/syncs/${syncId}/executions/${executionId}`,
    '/api/connections',
    '/api/events?limit=20',
    '/api/me',
  ];
  await read(world, paths, 5);
  say(`reads, ${REQUESTS_PER_SECOND} in a second`);
  const { times, failures } = await read(world, paths, SECONDS);
  times.sort((a, b) => a - b);
  const share = (of: number) => Math.round((times[Math.floor(times.length * of)] ?? 0) * 10) / 10;
  return { requests: times.length, failures, medianMs: share(0.5), slowestMs: share(0.99) };
}

interface Reads {
  /** Milliseconds of each. */
  readonly times: number[];
  readonly failures: number;
}

/**
 * A client sends its share of a second at the second's beginning, one request behind the other, so they begin at different
 * times: together they come evenly.
 */
async function read({ target }: World, paths: readonly string[], seconds: number): Promise<Reads> {
  const times: number[] = [];
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    await delay((client * 1_000) / CLIENTS);
    return send(
      {
        url: target.url,
        connections: 1,
        overallRate: REQUESTS_PER_SECOND / CLIENTS,
        duration: seconds,
        headers: { authorization: `Bearer ${target.keys.user}` },
        requests: paths.map((path) => ({ method: 'GET', path })),
      },
      times,
    );
  });
  const results = await Promise.all(clients);
  return { times, failures: results.reduce((sum, { non2xx, errors }) => sum + non2xx + errors, 0) };
}

function send(options: autocannon.Options, times: number[]): Promise<autocannon.Result> {
  return new Promise((resolve, reject) => {
    const run = autocannon(options, (error, result) => (error ? reject(error) : resolve(result)));
    run.on('response', (_client, _status, _bytes, ms) => times.push(ms));
  });
}

/** One sync with one execution is made by the API; the others are copies, told apart by id and time. */
async function fill({ target, furniture, metadataUrl }: World): Promise<{ syncId: string; executionId: string }> {
  const syncId = await post(target, '/api/bulk/syncs', {
    name: 'one of many',
    mode: 'replicate',
    source_connection_id: furniture.sourceId,
    destination_connection_id: furniture.destinationId,
    destination_configuration: { schema: 'landing' },
    default_schedule: { frequency: 'manual' },
    schemas: ['public.orders'],
  });
  const executionId = await post(target, `/api/bulk/syncs/${syncId}/executions`, {});
  const client = new pg.Client(metadataUrl);
  await client.connect();
  try {
    await untilEnded(client, executionId);
    const id = 'gen_random_uuid()';
    const times = {
      created_at: `t.created_at - n * interval '1 second'`,
      updated_at: `t.updated_at - n * interval '1 second'`,
    };
    await copyRows(client, { table: 'bulk_syncs', copies: SYNCS - 1, changes: { id, ...times } });
    const syncs = '(SELECT array_agg(id) FROM bulk_syncs)';
    const of = (n: string) => `(${syncs})[1 + ${n} % ${SYNCS}]`;
    const others = `(SELECT array_agg(id) FROM bulk_syncs WHERE id <> '${syncId}')`;
    await copyRows(client, {
      table: 'bulk_sync_schedules',
      copies: SYNCS - 1,
      changes: { id, sync_id: `(${others})[n]` },
    });
    const copies = SYNCS * EXECUTIONS_PER_SYNC;
    await copyRows(client, { table: 'executions', copies, changes: { id, sync_id: of('n'), ...times } });
    await client.query('VACUUM ANALYZE');
    return { syncId, executionId };
  } finally {
    await client.end();
  }
}

async function untilEnded(client: pg.Client, executionId: string): Promise<void> {
  const sql = 'SELECT completed_at IS NOT NULL AS ended FROM executions WHERE id = $1';
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const { rows } = await client.query<{ ended: boolean }>(sql, [executionId]);
    if (rows[0]?.ended === true) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('The execution did not end.');
}

async function post({ url, keys }: World['target'], path: string, body: object): Promise<string> {
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${keys.user}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`POST ${path}: ${text}`);
  return JSON.parse(text).data.id;
}

/** Prints the figures. @returns the exit code: 1 where a goal was missed */
export function reportApi(figures: ApiFigures, isJson: boolean): number {
  const { requests, failures, medianMs, slowestMs } = figures;
  const holds = failures === 0 && medianMs <= GOAL.medianMs && slowestMs <= GOAL.slowestMs;
  console.log(
    isJson
      ? JSON.stringify(figures)
      : `${requests} reads at ${REQUESTS_PER_SECOND} in a second from ${SYNCS} syncs and ${SYNCS * EXECUTIONS_PER_SYNC} executions: p50 ${medianMs} ms (goal ${GOAL.medianMs}), p99 ${slowestMs} ms (goal ${GOAL.slowestMs}), ${failures} failed`,
  );
  return holds ? 0 : 1;
}
