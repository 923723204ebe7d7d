import { StringDecoder } from 'node:string_decoder';
import type { ReadStream } from 'node:tty';
import type { OutputStream } from './terminal.ts';

/** Standard input, as far as we use it. */
export type InputStream = NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>;

const INTERRUPT = '\u0003';
const END = '\u0004';
const ERASE = new Set(['\u0008', '\u007f']);
const ERASE_LINE = '\u0015';

/** Reads a stream to its end as text, without a line break at the end. */
export async function readToEnd(input: InputStream): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of input) parts.push(Buffer.from(part));
  return Buffer.concat(parts)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

/**
 * Asks on the terminal and reads one line without showing it.
 * @returns null when the person pressed Ctrl-C or Ctrl-D, or when there is no terminal
 */
export function askSecret(question: string, input: InputStream, output: OutputStream): Promise<string | null> {
  if (input.isTTY !== true || input.setRawMode === undefined) return Promise.resolve(null);
  output.write(question);
  input.setRawMode(true);
  input.resume();
  return new Promise((resolve) => {
    const decoder = new StringDecoder('utf8');
    let typed = '';
    const finish = (answer: string | null): void => {
      input.off('data', onData);
      input.setRawMode?.(false);
      input.pause();
      output.write('\n');
      resolve(answer);
    };
    const onData = (data: Buffer | string): void => {
      for (const character of typeof data === 'string' ? data : decoder.write(data)) {
        const isGivenUp = character === INTERRUPT || character === END;
        if (isGivenUp || character === '\r' || character === '\n') {
          finish(isGivenUp ? null : typed);
          return;
        }
        typed = type(typed, character);
      }
    };
    input.on('data', onData);
  });
}

function type(typed: string, character: string): string {
  if (character === ERASE_LINE) return '';
  return ERASE.has(character) ? [...typed].slice(0, -1).join('') : typed + character;
}
