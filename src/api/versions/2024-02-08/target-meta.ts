import { z } from 'zod';
import { SyncError } from '../../../core/index.ts';
import { type Context, listTargetObjects } from '../../../operations/index.ts';

/** `type`: the only kind of items to tell of; `search`: a part of their names. */
export const targetMetaQuerySchema = z.object({ type: z.string().optional(), search: z.string().optional() });

/** What a target may be: each item with the values that it takes. */
export const targetMetaSchema = z.object({
  configuration: z.record(z.string(), z.object({ type: z.string(), items: z.array(z.unknown()) })),
  items: z.record(
    z.string(),
    z.object({
      has_items: z.boolean(),
      items: z.array(z.unknown()).nullable(),
      requires_one_of: z.array(z.string()).nullable(),
    }),
  ),
  requires_one_of: z.array(z.string()),
});

/** The objects of a connection in the shape that these versions have for them. @throws `REQUEST_REFUSED` for another type */
export async function toTargetMeta(
  context: Context,
  connectionId: string,
  { type, search = '' }: z.output<typeof targetMetaQuerySchema>,
): Promise<z.output<typeof targetMetaSchema>> {
  const { objects } = await listTargetObjects(context, connectionId);
  if (type !== undefined && type !== 'object') {
    const field = 'type';
    throw new SyncError('REQUEST_REFUSED', `\`${field}\`: "${type}" is not known here; known is object.`, {
      detail: { field },
    });
  }
  const wanted = search.toLowerCase();
  const items = objects
    .filter(({ name }) => name.toLowerCase().includes(wanted))
    .map(({ id, name }) => ({ label: name, value: id }));
  return {
    configuration: {},
    items: { object: { has_items: true, items, requires_one_of: null } },
    requires_one_of: ['object'],
  };
}
