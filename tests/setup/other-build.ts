import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** How another build differs from this one; what is left out is the same. */
export interface BuildDifference {
  readonly version: string;
  /** Text of one more migration. */
  readonly migration?: string;
  /** Number of its workflow protocol. */
  readonly protocol?: string;
}

/** Another build of the program, as a folder that processes are started from. Disposing removes it. */
export interface OtherBuild extends Disposable {
  readonly root: string;
}

/** Copies this program and makes another one of it. */
export function createOtherBuild({ version, migration, protocol }: BuildDifference): OtherBuild {
  const root = mkdtempSync(join(tmpdir(), 'millrace-build-'));
  cpSync(join(ROOT, 'src'), join(root, 'src'), {
    recursive: true,
    filter: (path) => !path.endsWith('.test.ts'),
  });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  writeFileSync(join(root, 'package.json'), JSON.stringify({ ...manifest, version }));
  if (migration !== undefined) writeFileSync(join(root, 'src/store/migrations/9000_later.sql'), migration);
  if (protocol !== undefined) changeProtocol(join(root, 'src/engine/durable.ts'), protocol);
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

function changeProtocol(file: string, protocol: string): void {
  const text = readFileSync(file, 'utf8');
  const changed = text.replace(/(WORKFLOW_PROTOCOL = )'\d+'/, `$1'${protocol}'`);
  if (changed === text) throw new Error(`${file} names no workflow protocol.`);
  writeFileSync(file, changed);
}
