import { SyncError } from '../errors.ts';

/** What an expression over the labels of filters asks: one filter, or all (`and`) or one (`or`) of at least two parts. */
export type FilterLogic =
  | { readonly kind: 'label'; readonly label: string }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly FilterLogic[] };

const LETTERS = 26;
/** Nobody writes more by hand, and reading takes a call per parenthesis. */
const MAX_DEPTH = 50;
const MAX_LENGTH = 10_000;

/** The label of a filter by its place from 0: A to Z, then AA, AB and so on. */
export function toFilterLabel(index: number): string {
  const letter = String.fromCharCode(65 + (index % LETTERS));
  return index < LETTERS ? letter : `${toFilterLabel(Math.floor(index / LETTERS) - 1)}${letter}`;
}

/** Every label of an expression, in the order of its text; one that is named twice comes twice. */
export function listFilterLabels(logic: FilterLogic): readonly string[] {
  return logic.kind === 'label' ? [logic.label] : logic.parts.flatMap(listFilterLabels);
}

/**
 * Reads an expression such as `A AND (B OR C)`. AND binds closer than OR; case does not matter.
 * @throws `FILTER_MISFIT` whose message goes on from the field's name: `ends where a label should stand`
 */
export function parseFilterLogic(text: string): FilterLogic {
  if (text.length > MAX_LENGTH) throw misfit(`must have at most ${MAX_LENGTH} characters`);
  const reader = new TokenReader(text);
  const logic = readOr(reader, 0);
  if (reader.peek() !== null) throw misfit(`has "${reader.peek()}" where AND, OR or the end should stand`);
  return logic;
}

/** The shortest text that reads as the same expression. */
export function formatFilterLogic(logic: FilterLogic): string {
  if (logic.kind === 'label') return logic.label;
  const parts = logic.parts.map((part) => {
    const text = formatFilterLogic(part);
    const isBare = part.kind === 'label' || (logic.kind === 'or' && part.kind === 'and');
    return isBare ? text : `(${text})`;
  });
  return parts.join(logic.kind === 'and' ? ' AND ' : ' OR ');
}

class TokenReader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.toUpperCase().match(/[A-Z]+|\S/g) ?? [];
  }

  peek(): string | null {
    return this.#tokens[this.#at] ?? null;
  }

  take(): string | null {
    const token = this.peek();
    this.#at += 1;
    return token;
  }
}

function readOr(reader: TokenReader, depth: number): FilterLogic {
  return readJoined(reader, 'or', () => readAnd(reader, depth));
}

function readAnd(reader: TokenReader, depth: number): FilterLogic {
  return readJoined(reader, 'and', () => readPart(reader, depth));
}

function readJoined(reader: TokenReader, kind: 'and' | 'or', readNext: () => FilterLogic): FilterLogic {
  const first = readNext();
  const parts = [first];
  while (reader.peek() === kind.toUpperCase()) {
    reader.take();
    parts.push(readNext());
  }
  return parts.length === 1 ? first : { kind, parts };
}

function readPart(reader: TokenReader, depth: number): FilterLogic {
  const token = reader.take();
  if (token === null) throw misfit('ends where a label should stand');
  if (token === '(') return readGroup(reader, depth + 1);
  if (token === 'AND' || token === 'OR' || !/^[A-Z]/.test(token)) {
    throw misfit(`has "${token}" where a label should stand; labels are A, B, C in the order of the filters`);
  }
  return { kind: 'label', label: token };
}

function readGroup(reader: TokenReader, depth: number): FilterLogic {
  if (depth > MAX_DEPTH) throw misfit(`has more than ${MAX_DEPTH} parentheses within each other`);
  const logic = readOr(reader, depth);
  if (reader.take() !== ')') throw misfit('has a parenthesis that is not closed');
  return logic;
}

function misfit(reason: string): SyncError {
  return new SyncError('FILTER_MISFIT', reason);
}
