import type { Actor as ActorBody } from '../../contract/index.ts';
import type { Actor } from '../../operations/index.ts';

/** Who made or changed an object, on the wire. */
export function toActorBody(actor: Actor): ActorBody {
  return { ...(actor.id === null ? {} : { id: actor.id }), name: actor.name, type: actor.type };
}
