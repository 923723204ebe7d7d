// Makes dist/: what tsc emits, the files that it does not copy, and a proof that what runs by URL is there.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findTool } from '../bin/find-node.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
const tsc = [findTool('typescript', 'tsc', root), '-p', join(root, 'tsconfig.build.json')];
const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' });
if (status !== 0) process.exit(1);

for (const file of globSync(join(root, 'src/**/*.sql'))) {
  cpSync(file, join(dist, relative(join(root, 'src'), file)));
}

// tsc rewrites imports, not URLs, so only the emitted code itself can tell where it will look for its worker.
const { workerUrl } = await import(pathToFileURL(join(dist, 'runtime/worker-url.js')).href);
if (!existsSync(workerUrl()))
  throw new Error(`The built package would start its workers from ${workerUrl()}, which is missing.`);
// Queries on DuckDB files run in a process of their own, which is started by URL, too.
const child = join(dist, 'connector-kit/duckdb/queries/child.js');
if (!existsSync(child)) throw new Error(`The built package would start its queries from ${child}, which is missing.`);
