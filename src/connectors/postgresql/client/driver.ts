import type { Duplex } from 'node:stream';
import pg from 'pg';
import type { PostgresqlConfig } from '../config.ts';
import type { Endpoint } from './route.ts';
import { FACTS, SETTINGS } from './settings.ts';
import { toTlsOptions } from './tls.ts';

/** A record of the catalogue or of our state: every value as PostgreSQL's text, so no number is rounded. */
export type TextRow = Readonly<Record<string, string | null>>;

/** A column of an answer, by the numbers of the catalogue. */
export type StreamedColumn = Pick<pg.FieldDef, 'name' | 'dataTypeID' | 'dataTypeModifier'>;

/** Takes one record; false = no more. */
export type TakeRecord = (values: readonly (string | null)[]) => boolean;

/** What the driver holds beside its typed surface. */
export interface DriverInternals {
  readonly connection: { readonly stream: Duplex & { readonly bytesRead?: number } };
  readonly processID: number;
  readonly secretKey: number;
}

/** What a server says of a new session. */
export interface SessionFacts {
  readonly pid: string;
  readonly startedAt: string;
  readonly version: number;
}

/** The longest wait for a server's greeting. */
export const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;

/** The driver for one session with an endpoint, which is not opened yet. Values come as PostgreSQL's text. */
export function createDriver(config: PostgresqlConfig, endpoint: Endpoint, applicationName: string): pg.Client {
  return new pg.Client({
    host: endpoint.host,
    port: config.port,
    user: config.username,
    password: config.password,
    database: config.database,
    ssl: toTlsOptions(config) ?? false,
    ...(endpoint.stream === undefined ? {} : { stream: endpoint.stream }),
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    types: { getTypeParser: () => (text: string | Buffer) => String(text) },
  });
}

/** The socket and the cancel key. */
export function internalsOf(client: pg.Client): DriverInternals {
  // pg types its client without these, which are its fields since version 1.
  return client as unknown as DriverInternals;
}

/** Opens the session. A pooled one does not get its settings: they could become somebody else's. */
export async function connectDriver(client: pg.Client): Promise<SessionFacts> {
  await client.connect();
  // Several statements in one string have one result each; the driver's types know only one.
  const results = (await client.query(
    `${SETTINGS} AND pg_backend_pid() = ${internalsOf(client).processID}; ${FACTS}`,
  )) as unknown as readonly { readonly rows: readonly TextRow[] }[];
  const facts = results.at(-1)?.rows[0];
  return { pid: facts?.pid ?? '', startedAt: facts?.started ?? '', version: Number(facts?.version ?? 0) };
}

/** Records of one statement as they come. `stop` is called once `take` wants no more. */
export function streamRecords(
  client: pg.Client,
  sql: string,
  take: TakeRecord,
  stop: () => void,
): Promise<readonly StreamedColumn[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly StreamedColumn[]>();
  const config = { text: sql, rowMode: 'array' };
  const query = new pg.Query<(string | null)[]>(config);
  query.on('row', (values, result) => {
    if (take(values)) return;
    resolve(result?.fields ?? []);
    stop();
  });
  query.on('end', ({ fields }) => resolve(fields));
  query.on('error', reject);
  client.query(query);
  return promise;
}
