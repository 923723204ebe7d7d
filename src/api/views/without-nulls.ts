/** A key that is there without a value says nothing. */
export function withoutUndefined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  // Only keys whose value is undefined are left out.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

type WithoutNulls<T> = { [K in keyof T]?: NonNullable<T[K]> };

/** The same object without the keys that hold nothing: answers leave out what is not there. */
export function withoutNulls<T extends object>(values: T): WithoutNulls<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  // Only keys of T are left, with values that are not null.
  return Object.fromEntries(entries) as WithoutNulls<T>;
}
