// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this notation is what is tested
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readDefinition } from './definition-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string, environment: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const file = join(folder, 'definition.yaml');
  writeFileSync(file, text);
  return readDefinition(file, { environment, readStandardInput: async () => '' });
}

describe('readDefinition', () => {
  it('reads YAML and takes ${NAME} from the environment, inside texts as well', async () => {
    const text = 'name: shop\nconfiguration:\n  port: 5432\n  password: ${PW}\n  list: ["a ${PW} b"]\n';
    expect(await read(text, { PW: 's3' })).toEqual({
      name: 'shop',
      configuration: { port: 5432, password: 's3', list: ['a s3 b'] },
    });
  });

  it('lets no value change the structure', async () => {
    expect(await read('a: ${PW}', { PW: 'x\nb: 1' })).toEqual({ a: 'x\nb: 1' });
  });

  it('keeps a doubled dollar as text', async () => {
    expect(await read('a: $${PW}')).toEqual({ a: '${PW}' });
  });

  it('names a variable that is not set', async () => {
    await expect(read('a: ${MISSING}')).rejects.toThrow('asks for ${MISSING}, which is not set');
  });

  it('says where the YAML is broken and shows none of its lines', async () => {
    const error = await read('password: hunter2\n  broken: [').catch((reason: unknown) => String(reason));
    expect(error).toContain('is not YAML');
    expect(error).toMatch(/line \d/);
    expect(error).not.toContain('hunter2');
  });

  it.each(['', '- a', 'text'])('refuses a document without fields: %j', async (text) => {
    await expect(read(text)).rejects.toThrow('holds no definition');
  });

  it('names a file that is not there', async () => {
    const sources = { environment: {}, readStandardInput: async () => '' };
    await expect(readDefinition(join(folder, 'none.yaml'), sources)).rejects.toThrow('none.yaml (ENOENT)');
  });

  it('reads standard input for the name -', async () => {
    const sources = { environment: {}, readStandardInput: async () => 'a: 1' };
    expect(await readDefinition('-', sources)).toEqual({ a: 1 });
  });
});
