/**
 * Cuts text that comes in parts into lines, without their ends; only a line feed ends one. Nothing is looked through
 * twice, so a line of many parts costs no more than many lines. What is behind the last end is a line, unless empty.
 */
export async function* splitLines(parts: AsyncIterable<string>): AsyncGenerator<string> {
  let begun: string[] = [];
  for await (const part of parts) {
    const [first = '', ...others] = part.split('\n');
    begun.push(first);
    const rest = others.pop();
    if (rest === undefined) continue;
    yield begun.join('');
    yield* others;
    begun = [rest];
  }
  const last = begun.join('');
  if (last !== '') yield last;
}
