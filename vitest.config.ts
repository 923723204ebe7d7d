import { defineConfig } from 'vitest/config';
import { LongestFirst } from './tests/setup/longest-first.ts';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts', 'bin/**/*.test.ts'],
    globalSetup: ['tests/setup/servers.ts'],
    sequence: { sequencer: LongestFirst },
    // Two cores must serve the tests and the PostgreSQL they share. Many tests wait, as for the silence of a worker that
    // was killed: a third file fills the pauses of two.
    maxWorkers: 3,
    // A worker loads our modules once, and not for each of three hundred files. So no test leaves anything behind in them.
    isolate: false,
    // Ends what hangs, and no test that only shares its cores.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    passWithNoTests: false,
  },
});
