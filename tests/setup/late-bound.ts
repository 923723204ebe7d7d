/** Stands for what a hook makes later, and for what it makes after that: hand it round, never look into it outside of hooks and tests. */
export function lateBound<T extends object>(find: () => T | undefined): T {
  const get = (_: object, name: string | symbol): unknown => {
    const found = find();
    if (found === undefined) throw new Error('A hook makes this: look into it from hooks and tests only.');
    const value: unknown = Reflect.get(found, name);
    return typeof value === 'function' ? value.bind(found) : value;
  };
  // Whatever is asked of the empty object, it asks what was made.
  return new Proxy<T>({} as T, { get });
}
