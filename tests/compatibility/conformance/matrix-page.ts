import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from './calls.ts';
import { SDK_VERSION } from './transports.ts';

/** What a method of the official client came to. */
export interface SdkOutcome {
  readonly method: string;
  readonly operation: string;
  readonly calls: readonly Outcome[];
  /** Why it cannot succeed; null = it can. */
  readonly refusal: string | null;
}

const PAGE = join(import.meta.dirname, '../../../docs/api/compatibility.md');

/** Writes the page that users read. */
export function writeMatrix(outcomes: readonly SdkOutcome[]): void {
  const rows = outcomes.map((outcome) => `| \`${outcome.method}\` | \`${outcome.operation}\` | ${describe(outcome)} |`);
  const works = outcomes.filter(({ calls, refusal }) => refusal === null && calls.length > 0).length;
  writeFileSync(
    PAGE,
    [
      '# The official TypeScript client',
      '',
      `Written by \`npm run conformance -- --docs\`, which calls each method of \`polytomic@1.18.1\` at version ${SDK_VERSION} on a`,
      `real server and checks every answer against the published description. ${works} of ${outcomes.length} methods work.`,
      '',
      'Set `environment` to the address of your server, `token` to your key and `version` to `2024-02-08`:',
      '',
      '```ts',
      "import { PolytomicClient } from 'polytomic';",
      '',
      'const client = new PolytomicClient({ environment: url, token: key, version: "2024-02-08" });',
      '```',
      '',
      'What differs in single fields and answers: [differences.md](differences.md).',
      '',
      '| method | operation | outcome |',
      '|---|---|---|',
      ...rows,
      '',
    ].join('\n'),
  );
}

function describe({ calls, refusal }: SdkOutcome): string {
  if (refusal !== null) return `refused: ${refusal}`;
  if (calls.length === 0) return 'not tried';
  return calls.every(({ problems }) => problems.length === 0) ? 'works' : 'differs';
}
