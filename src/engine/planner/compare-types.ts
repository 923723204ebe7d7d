import type { DriftKind, LogicalType, SeenField } from '../../core/index.ts';

type FieldType = Pick<SeenField, 'type' | 'logicalType'>;
type Change = Extract<DriftKind, 'type_widened' | 'type_narrowed' | 'type_changed'>;

/** What happened to a field's type, for people: what a column can hold is the destination's to say. */
export function compareTypes(before: FieldType, after: FieldType): Change {
  const [old, now] = [toRoom(before), toRoom(after)];
  if (old === null || now === null || old.family !== now.family) return 'type_changed';
  const [grows, shrinks] = [fits(old.sizes, now.sizes), fits(now.sizes, old.sizes)];
  if (grows === shrinks) return 'type_changed';
  return grows ? 'type_widened' : 'type_narrowed';
}

/** How much a type has room for, comparable within its family; all sizes must fit. */
interface Room {
  readonly family: string;
  readonly sizes: readonly number[];
}

const DIGITS = { 16: 5, 32: 10, 64: 19 } as const;

function toRoom({ type, logicalType }: FieldType): Room | null {
  const [base, limits] = takeApart(type);
  const exact = toDigits(logicalType);
  if (exact !== null) return { family: 'exact number', sizes: exact };
  if (/^(numeric|decimal)$/i.test(base)) {
    const [precision, scale = 0] = limits;
    const sizes = precision === undefined ? [Infinity, Infinity] : [precision - scale, scale];
    return { family: 'exact number', sizes };
  }
  if (logicalType.kind === 'float') return { family: 'float', sizes: [logicalType.bits] };
  // A user's own type or an enum is text as well, but has no length.
  const isText = logicalType.kind === 'text' && /^(text|varchar|character varying|character|char|bpchar)$/i.test(base);
  return { family: isText ? 'text' : base, sizes: [limits[0] ?? Infinity] };
}

function toDigits(type: LogicalType): readonly number[] | null {
  if (type.kind === 'integer') return [DIGITS[type.bits], 0];
  return type.kind === 'decimal' ? [type.precision - type.scale, type.scale] : null;
}

/** `timestamp(3) without time zone` has its modifier in the middle. */
function takeApart(type: string): readonly [string, readonly number[]] {
  const match = /\((\d+)(?:, ?(-?\d+))?\)/.exec(type);
  if (match === null) return [type, []];
  const limits = match.slice(1).flatMap((digits) => (digits === undefined ? [] : [Number(digits)]));
  return [type.replace(match[0], ''), limits];
}

function fits(small: readonly number[], large: readonly number[]): boolean {
  return small.every((size, index) => size <= (large[index] ?? 0));
}
