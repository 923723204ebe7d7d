import type { FoundField } from '../../connector-kit/index.ts';
import { MODEL_ORIGINS, type ModelOriginKind, SyncError } from '../../core/index.ts';
import { requireConnection } from '../connections/connections.ts';
import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';
import { readOrigin } from './origin.ts';
import { limitsFor, withReader } from './reader.ts';

/** What may stand in a model's configuration, and the values to choose from; null = any text. */
export interface ModelSourceDescription {
  readonly kinds: readonly { readonly kind: ModelOriginKind; readonly ids: readonly string[] | null }[];
  /** False once one of them was chosen. */
  readonly isOpen: boolean;
}

/** Values by key, as they came in a query string or a body. */
export type SourceParams = Readonly<Record<string, string | readonly string[]>>;

const LIMIT_MS = 30_000;

/**
 * What models of this connection can be made of, asked from the system now.
 * @param params beginnings of ids by which the choice is narrowed
 * @throws `NOT_FOUND`, `FEATURE_NOT_SUPPORTED`, `REQUEST_REFUSED`, and what the system says
 */
export async function describeModelSource(
  context: Context,
  connectionId: string,
  params: SourceParams,
): Promise<ModelSourceDescription> {
  const connection = await requireConnection(context, connectionId);
  return withReader(context, connection, LIMIT_MS, async (reader, signal) => {
    const chosen = new Map(Object.entries(params).map(([key, value]) => [toKind(reader.kinds, key), [value].flat()]));
    const tables = await reader.listTables(signal);
    const hasViews = reader.kinds.includes('view');
    const idsOf = (kind: ModelOriginKind) =>
      kind === 'query'
        ? null
        : tables
            .filter((table) => !hasViews || table.kind === kind)
            .map(({ id }) => id)
            .filter((id) => chosen.get(kind)?.some((beginning) => id.startsWith(beginning)) ?? true);
    const kinds = reader.kinds.filter((kind) => chosen.size === 0 || chosen.has(kind));
    return { kinds: kinds.map((kind) => ({ kind, ids: idsOf(kind) })), isOpen: chosen.size === 0 };
  });
}

function toKind(kinds: readonly ModelOriginKind[], key: string): ModelOriginKind {
  const kind = MODEL_ORIGINS.find((known) => known === key);
  if (kind !== undefined && kinds.includes(kind)) return kind;
  throw refuseField(`params.${key}`, `the connection offers ${kinds.join(', ')}`);
}

/**
 * The fields that a model of this configuration would have; no record is read.
 * @throws as `describeModelSource`, and `QUERY_FAILED`
 */
export async function listSourceFields(
  context: Context,
  connectionId: string,
  params: SourceParams,
): Promise<readonly FoundField[]> {
  const configuration = Object.fromEntries(Object.entries(params).map(([key, value]) => [key, toSingle(key, value)]));
  const connection = await requireConnection(context, connectionId, 'query' in configuration ? 'query' : 'read');
  return withReader(context, connection, LIMIT_MS, async (reader, signal) => {
    const origin = readOrigin(configuration, reader.kinds, 'params');
    return (await reader.read(origin, limitsFor('request', 0), signal)).fields;
  });
}

function toSingle(key: string, value: string | readonly string[]): string {
  const [only, ...more] = [value].flat();
  if (only === undefined || more.length > 0) throw refuseField(`params.${key}`, 'give one value');
  return only;
}

/** No connection of today can enrich records. @throws `NOT_FOUND`, `FEATURE_NOT_SUPPORTED` */
export async function refuseEnrichment(context: Context, connectionId: string): Promise<never> {
  const { name } = await requireConnection(context, connectionId);
  throw new SyncError(
    'FEATURE_NOT_SUPPORTED',
    `Connection "${name}" cannot enrich records: its type has no enrichment.`,
  );
}
