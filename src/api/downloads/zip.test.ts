import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import { type ZipEntry, zip } from './zip.ts';

async function* of(...texts: readonly string[]): AsyncGenerator<string> {
  yield* texts;
}

const pack = async (entries: readonly ZipEntry[]): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(zip(entries)));

const hasPython = spawnSync('python3', ['--version']).status === 0;

it.skipIf(!hasPython)('is read by other programs (python3), with every byte', async () => {
  const long = Array.from({ length: 20_000 }, (_, index) => `line ${index} with an é\n`);
  const archive = await pack([
    { name: 'long.txt', content: of(...long) },
    { name: 'empty.txt', content: of() },
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-zip-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'a.zip'), archive);
  const script =
    'import zipfile,sys; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; z.extractall(sys.argv[2])';
  execFileSync('python3', ['-c', script, join(folder, 'a.zip'), folder]);
  expect(readFileSync(join(folder, 'long.txt'), 'utf8')).toBe(long.join(''));
  expect(readFileSync(join(folder, 'empty.txt'), 'utf8')).toBe('');
});

it('begins before its content has ended, and fails with it', async () => {
  async function* failing(): AsyncGenerator<string> {
    yield 'x';
    throw new Error('the store is gone');
  }
  const parts = zip([{ name: 'a.txt', content: failing() }]);
  expect((await parts.next()).value?.subarray(30).toString('latin1')).toBe('a.txt');
  await expect(Array.fromAsync(parts)).rejects.toThrow('the store is gone');
});

it('holds a single file as one deflated stream behind its header', async () => {
  const archive = await pack([{ name: 'a.txt', content: of('one ', 'two') }]);
  const packed = archive.readUInt32LE(archive.lastIndexOf(Buffer.from('PK\x01\x02', 'latin1')) + 20);
  expect(inflateRawSync(archive.subarray(35, 35 + packed)).toString()).toBe('one two');
});
