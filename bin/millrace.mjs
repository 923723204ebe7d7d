#!/usr/bin/env node
// The published command. A checkout runs its sources; the package carries what `npm run build` made of them.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, HEAP_FLAGS, requireNode, runInPlace } from './find-node.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Types are not stripped under node_modules, and a checkout that was once built must not run yesterday's code.
const source = join(root, 'src', 'main.ts');
const entry = existsSync(source) ? source : join(root, 'dist', 'main.js');
if (!existsSync(entry)) fail(`This copy of millrace is incomplete: ${entry} is missing. Install it again.`);

runInPlace(requireNode(root), [...HEAP_FLAGS, entry, ...process.argv.slice(2)], { watched: true });
