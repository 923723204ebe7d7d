// `npm test [-- vitest arguments] [--summary-file <path>]`: brings what the tests need, runs them, and counts.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from '../../bin/find-node.mjs';
import { canInstallPackages, provideParts, TEST_PARTS } from './system-packages.ts';

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
}

/** What we read of vitest's JSON report. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const { summaryFile, vitestArguments } = readArguments(process.argv.slice(2));
for (const sentence of provideParts(TEST_PARTS)) console.warn(`Tests will be skipped: ${sentence}`);

const folder = mkdtempSync(join(tmpdir(), 'millrace-report-'));
const reportFile = join(folder, 'report.json');
const code = await runVitest([
  ...vitestArguments,
  '--reporter=default',
  '--reporter=json',
  `--outputFile=${reportFile}`,
]);
const counts = countTests(reportFile);
rmSync(folder, { recursive: true });

for (const name of counts.skipped) console.warn(`Skipped: ${name}`);
// Where everything can be installed, a skipped test is a hole in the proof.
const hasHole = canInstallPackages() && counts.skipped.length > 0;
if (hasHole) console.error(`${counts.skipped.length} tests were skipped on a machine where all of them can run.`);

// A run that failed without a failed test (nothing found, a broken set-up) must not read like a success.
const failed = code === 0 ? counts.failed : Math.max(counts.failed, 1);
const summary = `${counts.passed} passed, ${failed} failed`;
console.log(summary);
if (summaryFile !== undefined) writeFileSync(summaryFile, `${summary}\n`);
process.exitCode = code === 0 && hasHole ? 1 : code;

function readArguments(args: readonly string[]): { summaryFile: string | undefined; vitestArguments: string[] } {
  const at = args.indexOf('--summary-file');
  if (at === -1) return { summaryFile: undefined, vitestArguments: [...args] };
  return { summaryFile: args[at + 1], vitestArguments: args.filter((_, index) => index !== at && index !== at + 1) };
}

/** Exit code of vitest; it runs in our group, so it hears Ctrl-C itself and we wait for it. */
function runVitest(args: readonly string[]): Promise<number> {
  const script = findTool('vitest', 'vitest', import.meta.dirname);
  if (script === undefined) throw new Error('vitest is not installed: run `npm ci` first.');
  const child = spawn(process.execPath, [script, 'run', ...args], { stdio: 'inherit' });
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (exitCode, signal) =>
      resolve(exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

/** A file that did not even load has no test to count, and counts as one failure. */
function countTests(file: string): Counts {
  const report = readReport(file);
  if (report === undefined) return { passed: 0, failed: 1, skipped: [] };
  const tests = report.testResults.flatMap((result) => result.assertionResults);
  const brokenFiles = report.testResults.filter(
    (result) => result.status === 'failed' && !result.assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: tests.filter((test) => !['passed', 'failed'].includes(test.status)).map((test) => test.fullName),
  };
}

function readReport(file: string): Report | undefined {
  try {
    // vitest's own report; a field that went missing would fail the run below, never pass it.
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}
