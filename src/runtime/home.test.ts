import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockHome, prepareHome, readCliFile, writeCliFile } from './home.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-home-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('prepareHome', () => {
  it('makes a home that only its user may enter', () => {
    const home = join(folder, 'a', 'b');
    prepareHome(home);
    expect(modeOf(home)).toBe(0o700);
  });

  it('leaves the mode of a folder that exists', () => {
    const home = join(folder, 'shared');
    mkdirSync(home);
    const before = modeOf(home);
    prepareHome(home);
    expect(modeOf(home)).toBe(before);
  });

  it('says in one sentence why a home cannot be used', () => {
    const home = join(folder, 'file', 'home');
    writeFileSync(join(folder, 'file'), '');
    expect(() => prepareHome(home)).toThrow(
      expect.objectContaining({
        code: 'HOME_UNUSABLE',
        message: `Could not use ${home} as the home folder: there is a file of that name. Make it writable, or name another one in MILLRACE_HOME.`,
      }),
    );
  });

  it('does not wait for ever where nothing can be made', () => {
    expect(() => prepareHome('/proc/millrace')).toThrow(expect.objectContaining({ code: 'HOME_UNUSABLE' }));
  });

  it('does not take a file for a home', () => {
    const home = join(folder, 'file');
    writeFileSync(home, '');
    expect(() => prepareHome(home)).toThrow(/there is a file of that name/);
  });
});

describe('lockHome', () => {
  it('refuses a second server, naming the process of the first', () => {
    const lock = lockHome(folder);
    expect(() => lockHome(folder)).toThrow(
      expect.objectContaining({ code: 'HOME_IN_USE', message: expect.stringContaining(`process ${process.pid},`) }),
    );
    lock.release();
    lockHome(folder).release();
  });
});

describe('cli.json', () => {
  const file = { url: 'http://127.0.0.1:8420', organizationId: 'o', userKey: 'u', deploymentKey: 'd' };

  it('is read as it was written, by nobody else', () => {
    writeCliFile(folder, file);
    expect(readCliFile(folder)).toEqual(file);
    expect(modeOf(join(folder, 'cli.json'))).toBe(0o600);
  });

  it('is absent before the first start', () => {
    expect(readCliFile(folder)).toBeUndefined();
  });

  it.each(['', '[]', 'null', '{"url":"http://x"}'])('is refused by name when it holds %j', (text) => {
    writeFileSync(join(folder, 'cli.json'), text);
    expect(() => readCliFile(folder)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
