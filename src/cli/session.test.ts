import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeCliFile } from '../runtime/index.ts';
import { findServer } from './session.ts';

const empty = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
const home = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
writeCliFile(home, { url: 'http://127.0.0.1:9100', organizationId: 'o', userKey: 'home-key', deploymentKey: 'd' });
afterAll(() => {
  for (const folder of [empty, home]) rmSync(folder, { recursive: true });
});

describe('findServer', () => {
  it("uses what the home's server left", () => {
    expect(findServer({ MILLRACE_HOME: home }, {})).toEqual({ url: 'http://127.0.0.1:9100', apiKey: 'home-key' });
  });

  it('lets options win over variables, and variables over the home', () => {
    const environment = { MILLRACE_HOME: empty, MILLRACE_URL: 'http://a.example', MILLRACE_API_KEY: 'mine' };
    expect(findServer(environment, { home })).toEqual({ url: 'http://a.example', apiKey: 'mine' });
    expect(findServer(environment, { url: 'http://b.example' })).toEqual({ url: 'http://b.example', apiKey: 'mine' });
  });

  it("sends the home's key to other names of this machine, and to no other machine", () => {
    const environment = { MILLRACE_HOME: home };
    expect(findServer(environment, { url: 'http://localhost:9100' }).apiKey).toBe('home-key');
    expect(() => findServer(environment, { url: 'http://other.example' })).toThrow('Set MILLRACE_API_KEY');
  });

  it('says how to get a key where there is none', () => {
    expect(() => findServer({ MILLRACE_HOME: empty }, {})).toThrow('millrace serve');
  });
});
