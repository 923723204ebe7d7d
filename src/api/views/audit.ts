import type { AuditEntryBody } from '../../contract/index.ts';
import type { AuditEntry } from '../../operations/index.ts';
import { toActorBody } from './actors.ts';

/** Below these, keys are a connector's or a user's own. */
const FOREIGN = ['configuration', 'sourceConfiguration', 'destinationConfiguration', 'facts'];

/** A change on the wire. */
export function toAuditBody(entry: AuditEntry): AuditEntryBody {
  return {
    id: entry.id,
    created_at: entry.createdAt.toISOString(),
    actor: toActorBody({ id: entry.actorId, type: entry.actorType, name: entry.actorName }),
    action: entry.action,
    object: { type: entry.objectType, id: entry.objectId, name: entry.objectName },
    before: entry.before === null ? null : toWire(entry.before),
    after: entry.after === null ? null : toWire(entry.after),
  };
}

function toWire(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      FOREIGN.includes(key) ? value : toWireValue(value),
    ]),
  );
}

function toWireValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toWireValue);
  // What was stored as JSON comes back as plain objects.
  return typeof value === 'object' && value !== null ? toWire(value as Readonly<Record<string, unknown>>) : value;
}
