import pg from 'pg';

/** A statement that is not answered for so long makes us ask by another session what became of it. */
const PATIENCE_MS = 10_000;
const LIMIT_MS = 5_000;

/** What the driver keeps of a session beside what it declares; of the version that package.json pins. */
interface Inside {
  readonly processID: number | null;
  readonly readyForQuery: boolean;
  readonly connection: { readonly stream: { readonly bytesRead: number; destroy(error?: Error): void } };
}

interface Watched {
  readonly inside: Inside;
  bytes: number;
  /** On the monotonic clock. */
  heardAt: number;
}

/**
 * Breaks sessions whose statement the server knows nothing of: a network that forgets connections in silence, as a firewall
 * does, would let their users wait until TCP gives up. A statement that the server is at may take as long as it likes.
 */
export function watchSilence(pool: pg.Pool, url: string, patienceMs: number = PATIENCE_MS): void {
  const sessions = new Map<pg.PoolClient, Watched>();
  let isAsking = false;
  const look = async (): Promise<void> => {
    if (pool.ending && sessions.size === 0) return clearInterval(timer);
    const silent = [...sessions.values()].filter((session) => isSilent(session, patienceMs));
    if (silent.length > 0) await breakForgotten(url, silent);
  };
  const timer = setInterval(() => {
    if (isAsking) return;
    isAsking = true;
    // Where nobody answers, it is no network that forgets: those who wait learn it from TCP, and from new sessions.
    void look()
      .catch(() => {})
      .finally(() => {
        isAsking = false;
      });
  }, patienceMs / 5);
  timer.unref();
  pool.on('connect', (client) => {
    // The driver's own fields.
    const inside = client as unknown as Inside;
    sessions.set(client, { inside, bytes: -1, heardAt: performance.now() });
  });
  pool.on('remove', (client) => {
    sessions.delete(client);
  });
}

function isSilent(session: Watched, patienceMs: number): boolean {
  const { bytesRead } = session.inside.connection.stream;
  const now = performance.now();
  if (session.inside.readyForQuery || bytesRead !== session.bytes) {
    session.bytes = bytesRead;
    session.heardAt = now;
  }
  return now - session.heardAt > patienceMs;
}

async function breakForgotten(url: string, silent: readonly Watched[]): Promise<void> {
  const pids = silent.map(({ inside }) => inside.processID);
  const atWork = await askWhoWorks(url, pids);
  if (atWork === null) return;
  for (const { inside, bytes } of silent) {
    const { stream } = inside.connection;
    if (atWork.has(inside.processID) || inside.readyForQuery || stream.bytesRead !== bytes) continue;
    stream.destroy(new Error('the server knows nothing of a statement that was sent to it; the network has lost it'));
  }
}

/** Null where a pooler stands in between, which gives its clients numbers that the server does not know. */
async function askWhoWorks(url: string, pids: readonly (number | null)[]): Promise<ReadonlySet<number | null> | null> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'millrace watch',
    connectionTimeoutMillis: LIMIT_MS,
    query_timeout: LIMIT_MS,
  });
  client.on('error', () => {
    // Told of by the query.
  });
  try {
    await client.connect();
    // The driver's own field.
    const { processID } = client as unknown as Inside;
    const { rows } = await client.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE pid = pg_backend_pid()
         OR (pid = ANY($1::int[]) AND state IS DISTINCT FROM 'idle' AND state IS DISTINCT FROM 'idle in transaction')`,
      [pids],
    );
    const found = new Set<number | null>(rows.map(({ pid }) => pid));
    return found.has(processID) ? found : null;
  } finally {
    leave(client);
  }
}

/** Nobody waits for it: the network may lose this session, too, and with it the watch over all others. */
function leave(client: pg.Client): void {
  void client.end().catch(() => {});
  // The driver's own stream.
  const { stream } = (client as unknown as Inside).connection;
  setTimeout(() => stream.destroy(), LIMIT_MS).unref();
}
