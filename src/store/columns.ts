import { type ColumnType, type RawBuilder, sql } from 'kysely';

/** A jsonb column: read parsed, written as `JSON.stringify(value)` (the driver would send an array as a PostgreSQL array). */
export type Json<T> = ColumnType<T, string, string>;
/** A jsonb column with a default in SQL. */
export type DefaultedJson<T> = ColumnType<T, string | undefined, string>;
/** A jsonb column that may be NULL. */
export type NullableJson<T> = ColumnType<T | null, string | null | undefined, string | null>;

/** A timestamptz column with a default in SQL. Read in milliseconds: compare in SQL where microseconds matter. */
export type DefaultedTimestamp = ColumnType<Date, Date | string | undefined, Date | string>;
/** A timestamptz column that may be NULL. */
export type NullableTimestamp = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;

type IntegerInput = string | number | bigint;
/** A bigint column with a default in SQL: read as text, since 64-bit integers do not fit a JS number. */
export type DefaultedBigInteger = ColumnType<string, IntegerInput | undefined, IntegerInput>;
/** A bigint column, read as text. */
export type BigInteger = ColumnType<string, IntegerInput, IntegerInput>;
/** A bigint column that may be NULL, read as text. */
export type NullableBigInteger = ColumnType<string | null, IntegerInput | null | undefined, IntegerInput | null>;

/** A column that may be NULL and is left out when it is. */
export type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>;
/** A column with a default in SQL. */
export type Defaulted<T> = ColumnType<T, T | undefined, T>;

/** Who made or changed an object. `system` is Millrace itself, or a deployment key that named no organization. */
export type ActorType = 'user' | 'system' | 'organization' | 'partner';

/** A timestamptz as microseconds since 1970, in digits: exact, where a `Date` holds milliseconds only. */
export function toMicroseconds(time: RawBuilder<unknown>): RawBuilder<string> {
  return sql<string>`(extract(epoch FROM ${time}) * 1000000)::bigint::text`;
}

/** The first moment behind all that the API shows as this one: it shows milliseconds, and microseconds are stored. */
export function nextMillisecond(shown: Date): Date {
  return new Date(shown.getTime() + 1);
}

/** The inverse of `toMicroseconds`, for at most 17 digits. */
export function fromMicroseconds(digits: string): RawBuilder<Date> {
  return sql<Date>`('epoch'::timestamptz + ${digits}::bigint * interval '1 microsecond')`;
}
