import type { FilterFunction } from '../syncs.ts';
import { FILTER_KINDS, type FilterKind } from './kind.ts';

/** What a function compares with. `ago` = a span of time, `moment` = a time relative to the execution. */
export type Operand = 'none' | 'one' | 'two' | 'list' | 'pattern' | 'element' | 'ago' | 'moment';

export interface FunctionRule {
  readonly operand: Operand;
  readonly kinds: readonly FilterKind[];
}

const TIMES: readonly FilterKind[] = ['date', 'timestamp', 'timestamptz'];
const ORDERED: readonly FilterKind[] = ['text', 'number', ...TIMES, 'time'];
const TEXTS: readonly FilterKind[] = ['text', 'uuid'];

const EQUAL: FunctionRule = { operand: 'one', kinds: [...ORDERED, 'boolean', 'uuid'] };
const ORDER: FunctionRule = { operand: 'one', kinds: ORDERED };
const ON: FunctionRule = { operand: 'one', kinds: TIMES };
const TEXT: FunctionRule = { operand: 'one', kinds: TEXTS };
const LIST: FunctionRule = { operand: 'list', kinds: ['text', 'number', 'uuid'] };
const PATTERN: FunctionRule = { operand: 'pattern', kinds: TEXTS };
const ELEMENT: FunctionRule = { operand: 'element', kinds: ['array', 'json'] };
const RELATIVE: FunctionRule = { operand: 'moment', kinds: TIMES };

/** Which kinds of fields each function takes, and what it compares with. */
export const FUNCTION_RULES: Readonly<Record<FilterFunction, FunctionRule>> = {
  Equality: EQUAL,
  Inequality: EQUAL,
  IsNull: { operand: 'none', kinds: FILTER_KINDS },
  IsNotNull: { operand: 'none', kinds: FILTER_KINDS },
  True: { operand: 'none', kinds: ['boolean'] },
  False: { operand: 'none', kinds: ['boolean'] },
  OnOrAfter: ON,
  OnOrBefore: ON,
  GreaterThan: ORDER,
  GreaterThanEqual: ORDER,
  LessThan: ORDER,
  LessThanEqual: ORDER,
  StringContains: TEXT,
  StringStartsWith: TEXT,
  StringEndsWith: TEXT,
  StringDoesNotContain: TEXT,
  StringDoesNotStartWith: TEXT,
  StringDoesNotEndWith: TEXT,
  StringOneOf: LIST,
  StringNotOneOf: LIST,
  Between: { operand: 'two', kinds: ORDERED },
  ArrayContains: ELEMENT,
  ArrayDoesNotContain: ELEMENT,
  InTheLast: { operand: 'ago', kinds: TIMES },
  RelativeOnOrBefore: RELATIVE,
  RelativeOnOrAfter: RELATIVE,
  StringLike: PATTERN,
  StringNotLike: PATTERN,
  StringMatchesTrimmed: TEXT,
};
