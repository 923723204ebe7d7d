/** JSON text that jsonb takes: of values from other systems, NUL and halves of surrogate pairs become U+FFFD. */
export function toStorableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'string' ? inner.toWellFormed().replaceAll('\0', '\uFFFD') : inner,
  );
}
