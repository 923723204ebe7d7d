import { describe, expect, it } from 'vitest';
import { splitLines } from './lines.ts';

async function* iterate(parts: Iterable<string>): AsyncGenerator<string> {
  yield* parts;
}

const split = (...parts: string[]) => Array.fromAsync(splitLines(iterate(parts)));

describe('splitLines', () => {
  it('finds the same lines wherever the parts are cut', async () => {
    const text = 'one\n\ntwo \u2028 and \r\nthree\n';
    const lines = ['one', '', 'two \u2028 and \r', 'three'];
    expect(await split(text)).toEqual(lines);
    expect(await split(...text)).toEqual(lines);
    for (let at = 0; at <= text.length; at += 1) expect(await split(text.slice(0, at), text.slice(at))).toEqual(lines);
  });

  it('takes what is behind the last end as a line', async () => {
    expect(await split('one\ntw', 'o')).toEqual(['one', 'two']);
    expect(await split()).toEqual([]);
    expect(await split('', '')).toEqual([]);
  });

  // Looked through again at each part it would take an hour.
  it('puts a line of 16 MB together from small parts', async () => {
    const part = 'x'.repeat(32);
    const count = 2 ** 19;
    const lines = await Array.fromAsync(
      splitLines(iterate(['{', ...Array.from({ length: count }, () => part), '\n{}'])),
    );
    expect(lines.map(({ length }) => length)).toEqual([1 + count * part.length, 2]);
  });
});
