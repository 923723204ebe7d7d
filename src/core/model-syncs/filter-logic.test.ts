import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type FilterLogic,
  formatFilterLogic,
  listFilterLabels,
  parseFilterLogic,
  toFilterLabel,
} from './filter-logic.ts';

const LABELS = Array.from({ length: 30 }, (_, index) => toFilterLabel(index));
type Truth = ReadonlyMap<string, boolean>;

/** An expression as its author means it: fully parenthesised text, and the answer that it must give. */
interface Meant {
  readonly text: string;
  readonly holds: (truth: Truth) => boolean;
}

const meant: fc.Arbitrary<Meant> = fc.letrec<{ expression: Meant; label: Meant; pair: Meant }>((tie) => ({
  expression: fc.oneof({ maxDepth: 5 }, tie('label'), tie('pair')),
  label: fc.constantFrom(...LABELS).map((label) => ({ text: label, holds: (truth) => truth.get(label) === true })),
  pair: fc.tuple(tie('expression'), fc.constantFrom('AND', 'or', ' Or ', 'and'), tie('expression')).map(
    ([one, word, other]): Meant => ({
      text: `((${one.text}) ${word} (${other.text}))`,
      holds: (truth) =>
        word.trim().toUpperCase() === 'AND'
          ? one.holds(truth) && other.holds(truth)
          : one.holds(truth) || other.holds(truth),
    }),
  ),
})).expression;

const truths: fc.Arbitrary<Truth> = fc
  .array(fc.boolean(), { minLength: LABELS.length, maxLength: LABELS.length })
  .map((values) => new Map(LABELS.map((label, index) => [label, values[index] === true])));

function holds(logic: FilterLogic, truth: Truth): boolean {
  if (logic.kind === 'label') return truth.get(logic.label) === true;
  return logic.kind === 'and'
    ? logic.parts.every((part) => holds(part, truth))
    : logic.parts.some((part) => holds(part, truth));
}

describe('an expression over filters', () => {
  it('means what its parentheses say, also when written with as few as possible', () => {
    fc.assert(
      fc.property(meant, truths, (expression, truth) => {
        const logic = parseFilterLogic(expression.text);
        expect(holds(logic, truth)).toBe(expression.holds(truth));
        expect(holds(parseFilterLogic(formatFilterLogic(logic)), truth)).toBe(expression.holds(truth));
      }),
    );
  });

  it('is read or refused, whatever the text is', () => {
    const noise = fc.array(fc.constantFrom('A', 'B', 'AND', 'OR', '(', ')', '1', '-', ' ', 'NOT'), { maxLength: 12 });
    fc.assert(
      fc.property(noise, (tokens) => {
        const text = tokens.join(' ');
        let logic: FilterLogic;
        try {
          logic = parseFilterLogic(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'FILTER_MISFIT' });
          return;
        }
        expect(parseFilterLogic(formatFilterLogic(logic))).toEqual(parseFilterLogic(formatFilterLogic(logic)));
        expect(text.split(/[\s()]+/)).toEqual(expect.arrayContaining([...listFilterLabels(logic)]));
      }),
    );
  });

  it('lets AND bind closer than OR', () => {
    expect(parseFilterLogic('A OR B AND C')).toEqual(parseFilterLogic('A OR (B AND C)'));
    expect(parseFilterLogic('A AND (B OR C)')).toEqual({
      kind: 'and',
      parts: [
        { kind: 'label', label: 'A' },
        {
          kind: 'or',
          parts: [
            { kind: 'label', label: 'B' },
            { kind: 'label', label: 'C' },
          ],
        },
      ],
    });
  });

  it.each([
    ['', 'ends where a label'],
    ['A AND', 'ends where a label'],
    ['A B', 'where AND, OR or the end'],
    ['1 AND 2', 'labels are A, B, C'],
    ['(A OR B', 'not closed'],
    ['A OR B)', 'where AND, OR or the end'],
    ['AND A', 'labels are A, B, C'],
    [`${'('.repeat(60)}A${')'.repeat(60)}`, 'parentheses within each other'],
  ])('refuses %j', (text, reason) => {
    expect(() => parseFilterLogic(text)).toThrow(reason);
  });

  it('has a label for every filter', () => {
    expect([0, 1, 25, 26, 27, 52, 701, 702].map(toFilterLabel)).toEqual(['A', 'B', 'Z', 'AA', 'AB', 'BA', 'ZZ', 'AAA']);
    const many = Array.from({ length: 2000 }, (_, index) => toFilterLabel(index));
    expect(new Set(many).size).toBe(many.length);
  });
});
