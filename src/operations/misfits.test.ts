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

  it.each<[schema: z.ZodType, value: unknown, told: string]>([
    [z.string().min(1), '', 'it must not be empty'],
    [z.string().min(2), 'a', 'it must have at least 2 characters'],
    [z.string().max(3), 'abcd', 'it must have at most 3 characters'],
    [z.array(z.string()).min(1), [], 'it must not be empty'],
    [z.array(z.string()).max(1), ['a', 'b'], 'it must have at most 1 element'],
    [z.int().min(1), 0, 'it must be at least 1'],
    [z.number().lt(5), 5, 'it must be less than 5'],
    [z.coerce.number(), 'many', 'it must be a number'],
  ])('is told by what it must be: %#', (schema, value, told) => {
    expect(say(schema, value)).toBe(told);
  });
});
