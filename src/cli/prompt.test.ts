import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { askSecret, type InputStream, readToEnd } from './prompt.ts';

/** A terminal as far as we use one; raw mode is recorded. */
function fakeTerminal() {
  const modes: boolean[] = [];
  const written: string[] = [];
  const stream = new PassThrough();
  const input: InputStream = Object.assign(stream, {
    isTTY: true,
    setRawMode: (mode: boolean) => {
      modes.push(mode);
      // The real one answers with itself; nobody reads that.
      return stream as never;
    },
  });
  return { stream, input, modes, written, output: { write: (text: string) => written.push(text) } };
}

describe('askSecret', () => {
  it('reads a line without showing it, corrections included', async () => {
    const { stream, input, modes, written, output } = fakeTerminal();
    const answer = askSecret('Password: ', input, output);
    stream.write('wrong\u0015pa\u007f\u007fgehe');
    stream.write(Buffer.from('ü').subarray(0, 1));
    stream.write(Buffer.from('ü').subarray(1));
    stream.write('x\r');
    expect(await answer).toBe('geheüx');
    expect(written).toEqual(['Password: ', '\n']);
    expect(modes).toEqual([true, false]);
  });

  it.each(['\u0003', '\u0004'])('gives up on %j and leaves the terminal as it was', async (key) => {
    const { stream, input, modes, output } = fakeTerminal();
    const answer = askSecret('Password: ', input, output);
    stream.write(`half${key}`);
    expect(await answer).toBeNull();
    expect(modes).toEqual([true, false]);
  });

  it('asks nobody where there is no terminal', async () => {
    const written: string[] = [];
    const output = { write: (text: string) => written.push(text) };
    expect(await askSecret('Password: ', new PassThrough(), output)).toBeNull();
    expect(written).toEqual([]);
  });
});

describe('readToEnd', () => {
  it('leaves out the line break that echo and editors add', async () => {
    const input = new PassThrough();
    input.end('two\nlines\r\n');
    expect(await readToEnd(input)).toBe('two\nlines');
  });
});
