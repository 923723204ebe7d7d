import { isDeepStrictEqual } from 'node:util';
import { completeAuditEntry, insertAuditEntry, type StoreDatabase } from '../../store/index.ts';
import { toActorColumns } from '../actors.ts';
import type { Context } from '../context.ts';

/** What was done to an object. */
export interface AuditEvent {
  /** A verb: `create`, `update`, `delete`, or what else was asked for, such as `start`. */
  readonly action: string;
  readonly object: {
    /** A word of the API, such as `bulk_sync`. */
    readonly type: string;
    readonly id: string;
    /** Null for what has none. */
    readonly name: string | null;
  };
  /** The object as an answer shows it, secrets masked; null = it was not there, or nothing of it changed. */
  readonly before: object | null;
  readonly after: object | null;
}

/** What stands in the place of a value that could be a secret. */
const MASK = '********';
const SECRET_KEY = /passw|secret|passphrase|private_?key|api_?key|access_?token|authorization|credential/i;
/** They change with every change, and the entry itself tells them. */
const BOOKKEEPING = ['updatedAt', 'updatedBy', 'updatedByType', 'version'];
const MAX_BYTES = 64 * 1024;

/**
 * Remembers a change: who, what, and the values before and after. Of two states only the keys that differ are kept. Call it
 * in the transaction of the change, so that both happen or neither. A view must come with its secrets masked; keys that
 * sound like one are masked again here.
 */
export async function recordAudit(
  db: StoreDatabase,
  context: Pick<Context, 'caller'>,
  event: AuditEvent,
): Promise<void> {
  await insertAuditEntry(db, toEntry(context, event));
}

/**
 * Remembers what is about to be done and cannot be undone, so that it is not missing when this process dies in the middle.
 * @returns the entry's id, for {@link completeAudit}
 */
export function announceAudit(
  db: StoreDatabase,
  context: Pick<Context, 'caller'>,
  event: Omit<AuditEvent, 'before'>,
): Promise<string> {
  return insertAuditEntry(db, toEntry(context, { ...event, before: null }));
}

/** Says in its entry what became of what was announced. */
export function completeAudit(
  db: StoreDatabase,
  { caller }: Pick<Context, 'caller'>,
  id: string,
  after: object,
): Promise<void> {
  return completeAuditEntry(db, caller.organizationId, id, toStored(toPlain(after)));
}

function toEntry({ caller }: Pick<Context, 'caller'>, event: AuditEvent) {
  const actor = toActorColumns(caller);
  const { before, after } = toDifference(toPlain(event.before), toPlain(event.after));
  return {
    organizationId: caller.organizationId,
    actorId: actor.id,
    actorType: actor.type,
    actorName: caller.name,
    action: event.action,
    objectType: event.object.type,
    objectId: event.object.id,
    objectName: event.object.name,
    before: toStored(before),
    after: toStored(after),
  };
}

type Values = Readonly<Record<string, unknown>>;

/** As JSON would bring it back, so that dates and absent keys compare as what they are stored as. */
function toPlain(view: object | null): Values | null {
  if (view === null) return null;
  const text = JSON.stringify(view, (key, value: unknown) =>
    SECRET_KEY.test(key) && typeof value === 'string' && value !== '' ? MASK : value,
  );
  // An object goes in, so an object comes out.
  return JSON.parse(text) as Values;
}

function toDifference(before: Values | null, after: Values | null) {
  if (before === null || after === null) return { before, after };
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key) => !BOOKKEEPING.includes(key) && !isDeepStrictEqual(before[key], after[key]),
  );
  return { before: pick(before, keys), after: pick(after, keys) };
}

function pick(values: Values, keys: readonly string[]): Values {
  return Object.fromEntries(keys.filter((key) => key in values).map((key) => [key, values[key]]));
}

/** A selection of ten thousand tables is no line of a log. */
function toStored(values: Values | null): string | null {
  if (values === null) return null;
  const text = JSON.stringify(values);
  if (Buffer.byteLength(text) <= MAX_BYTES) return text;
  return JSON.stringify({ leftOut: `more than ${MAX_BYTES / 1024} KiB`, keys: Object.keys(values).slice(0, 100) });
}
