import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { API_VERSIONS } from '../../contract/index.ts';
import { ROUTES } from '../routes/index.ts';
import { since, until } from './range.ts';

const SRC = join(import.meta.dirname, '..', '..');

describe('a range of versions', () => {
  it('goes from a version to the newest, or to the oldest', () => {
    const [newest, middle, oldest] = API_VERSIONS;
    expect([since(oldest), since(middle), since(newest)]).toEqual([API_VERSIONS, [newest, middle], [newest]]);
    expect([until(oldest), until(middle), until(newest)]).toEqual([[oldest], [middle, oldest], API_VERSIONS]);
  });
});

describe('versions', () => {
  it('have each operation once', () => {
    const served = ROUTES.flatMap(({ method, url, versions }) =>
      versions.map((version) => `${version} ${method} ${url.replace(/:\w+/g, ':').replace(/\/$/, '')}`),
    );
    expect(served.filter((operation, index) => served.indexOf(operation) !== index)).toEqual([]);
  });

  it('are named outside of their folders only as the first that has something', () => {
    const files = globSync('{api,operations,store,engine,scheduler,contract,runtime}/**/*.ts', { cwd: SRC });
    const naming = files
      .filter((file) => !file.endsWith('.test.ts') && !file.startsWith('api/versions/'))
      // What our own client speaks.
      .filter((file) => file !== 'contract/transport.ts')
      .filter((file) => namesVersion(readFileSync(join(SRC, file), 'utf8')));
    expect(naming).toEqual([]);
  });
});

/** True where a version is named in code other than by `since('…')`. */
function namesVersion(text: string): boolean {
  return API_VERSIONS.some((version) => text.replaceAll(`since('${version}')`, '').includes(`'${version}'`));
}
