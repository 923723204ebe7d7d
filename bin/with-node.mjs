#!/usr/bin/env node
// Runs a development tool or one of our scripts with Node 24, on a machine whose own Node may be older:
//   node bin/with-node.mjs <tool | script> [arguments]
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, findTool, requireNode, runInPlace } from './find-node.mjs';

const TOOLS = {
  tsc: 'typescript',
  biome: '@biomejs/biome',
  vitest: 'vitest',
  knip: 'knip',
  depcruise: 'dependency-cruiser',
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [tool, ...args] = process.argv.slice(2);
if (tool === undefined) fail('Usage: node bin/with-node.mjs <tool | script> [arguments]');

const script = Object.hasOwn(TOOLS, tool) ? findTool(TOOLS[tool], tool, root) : resolve(tool);
if (script === undefined || !existsSync(script)) {
  fail(`There is no tool or script "${tool}": run \`npm ci\` first, or check the name.`);
}
runInPlace(requireNode(root), [script, ...args]);
