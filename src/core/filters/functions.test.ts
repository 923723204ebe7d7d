import { expect, it } from 'vitest';
import { readPage, readTable, writeTable } from '../../../tests/setup/markdown.ts';
import { FILTER_FUNCTIONS } from '../syncs.ts';
import { FUNCTION_RULES } from './functions.ts';
import { FILTER_KINDS } from './kind.ts';

const PAGE = 'docs/specs/filters.md';

it('documents which fields take which function', async () => {
  const rows = FILTER_FUNCTIONS.map((name) => {
    const { kinds } = FUNCTION_RULES[name];
    return [`\`${name}\``, ...FILTER_KINDS.map((kind) => (kinds.includes(kind) ? 'yes' : '–'))];
  });
  expect(readPage(PAGE).text).toContain(`| function | ${FILTER_KINDS.join(' | ')} |`);
  await expect(writeTable(readPage(PAGE), `function | ${FILTER_KINDS[0]}`, rows)).toMatchFileSnapshot(
    `../../../${PAGE}`,
  );
});

it('documents what every function means', () => {
  const described = readTable(readPage(PAGE), 'function').flatMap(([names = '']) => names.split(', '));
  expect(new Set(described)).toEqual(new Set(FILTER_FUNCTIONS));
});
