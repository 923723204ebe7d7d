import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeMisfits, toMisfits } from './misfits.ts';

const say = (schema: z.ZodType, value: unknown): string =>
  describeMisfits(toMisfits(schema.safeParse(value).error ?? { issues: [] }));

describe('what does not fit', () => {
  it('is told in the words of a choice that has its own', () => {
    const header = z.union([z.boolean(), z.literal('auto')], { error: 'must be true, false or "auto"' });
    expect(say(z.object({ header }), { header: 'true' })).toBe('`header` must be true, false or "auto"');
  });

  it('is told by the alternative that fits best, where a choice has no words', () => {
    const schema = z.object({ schemas: z.array(z.union([z.string(), z.object({ id: z.string() })])) });
    expect(say(schema, { schemas: [{ id: 7 }] })).toBe('`schemas[0].id` must be of type string, not number');
    expect(say(schema, { schemas: [7] })).toBe('`schemas[0]` has none of the allowed types or values');
  });
});
