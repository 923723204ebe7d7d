import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take half a minute and more on two cores, the longest first. */
const LONGEST: readonly string[] = [
  'tests/integration/many-tables.test.ts',
  'tests/integration/many-workers.test.ts',
  'tests/integration/rolling-upgrade.test.ts',
  'tests/integration/bad-input.test.ts',
  'tests/integration/sync-selection.test.ts',
  'tests/torture/short.test.ts',
  'tests/integration/sync-options.test.ts',
  'tests/integration/memory.test.ts',
  'tests/integration/docs-examples.test.ts',
  'tests/integration/verify-crash.test.ts',
  'tests/integration/sync-options-duckdb.test.ts',
  'tests/integration/cli-copy.test.ts',
  'tests/integration/plans.test.ts',
  'tests/integration/drift.test.ts',
  'tests/torture/generations.test.ts',
];

/** Long files first, then those with whole servers, then the others: no worker is left with a long one at the end. */
// vitest asks for a class. It knows how long files took where it has run before; a clean machine would go by their size.
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ moduleId, project }: TestSpecification): number {
  const path = relative(project.config.root, moduleId);
  const at = LONGEST.indexOf(path);
  if (at !== -1) return at;
  return path.startsWith('tests/') ? LONGEST.length : LONGEST.length + 1;
}
