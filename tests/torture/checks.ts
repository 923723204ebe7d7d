import type { Ended } from '../setup/syncs.ts';
import { type DestinationImage, describeDifference, subtract, type TableImage } from './compare.ts';
import type { Scenario } from './scenario.ts';

/** The execution that things befell came to a good end, or to one that is honest; its receipt holds for what it covers. */
export function checkResumed(scenario: Scenario, ended: Ended, destination: DestinationImage): string[] {
  const excused = listExcused(scenario, ended);
  const problems = excused.length > 0 ? [] : checkEnd('The execution', scenario, ended);
  for (const { name } of scenario.tables) {
    const { amounts } = imageOf(destination.tables, name);
    // A delta brings records of several moments.
    const isAltered = scenario.alters && excused.includes(`public.${name}`);
    if (amounts !== 0n && !isDelta(ended, name) && !isAltered)
      problems.push(`${name}: amounts add up to ${amounts}, so the image is torn.`);
  }
  for (const proof of ended.receipt?.schemas ?? []) {
    const name = proof.schema.replace('public.', '');
    const table = destination.tables.get(name);
    if (proof.scope !== 'snapshot' || proof.verdict !== 'equal' || table === undefined) continue;
    if (proof.destination?.records !== table.hashes.length) {
      problems.push(
        `${name}: the receipt speaks of ${proof.destination?.records} records, the table holds ${table.hashes.length}.`,
      );
    }
  }
  return problems;
}

function isDelta({ receipt }: Ended, name: string): boolean {
  // Without a receipt nobody knows; a table that was read by its tracking field is looked at later.
  if (receipt === null) return true;
  const proof = receipt.schemas.find(({ schema }) => schema === `public.${name}`);
  return proof === undefined || proof.scope !== 'snapshot';
}

const failsFsync = ({ faults }: Scenario): boolean => faults.some(({ kind }) => kind === 'fsync');

/** Schemas that were allowed to fail, and did so with a message that says why; none when any other has failed. */
function listExcused(scenario: Scenario, { execution }: Ended): string[] {
  const failed = execution.schemas.filter(({ status }) => status !== 'completed');
  const isExcused = ({ schema, status_message: message = '' }: (typeof failed)[number]): boolean =>
    (scenario.freeBytes !== null && /disk|space/i.test(message)) ||
    (scenario.destination !== 'postgresql' && failsFsync(scenario) && /fsync|input\/output|EIO/i.test(message)) ||
    (scenario.ddl.length > 0 && schema === 'public.mixed' && /column|field|changed/i.test(message));
  return failed.every(isExcused) ? failed.map(({ schema }) => schema) : [];
}

/** A tracking field misses no record, however late it was committed; deletes alone it cannot see. */
export function checkTracked(
  scenario: Scenario,
  ended: Ended,
  source: ReadonlyMap<string, TableImage>,
  destination: DestinationImage,
): string[] {
  const problems = checkEnd('The execution by tracking field', scenario, ended);
  for (const table of scenario.tables) {
    const missing = subtract(imageOf(source, table.name).hashes, imageOf(destination.tables, table.name).hashes);
    if (missing.length > 0) problems.push(`${table.name}: ${missing.length} records of the source did not arrive.`);
  }
  return problems;
}

export interface FinalImages {
  readonly source: ReadonlyMap<string, TableImage>;
  /** The destination before the last execution. */
  readonly before: DestinationImage;
  readonly after: DestinationImage;
}

/** Both sides hold the same, deletes included, and nothing lies about. */
export function checkFinal(scenario: Scenario, ended: Ended, { source, before, after }: FinalImages): string[] {
  const problems = checkEnd('The last execution', scenario, ended);
  for (const { name, key } of scenario.tables) {
    const [wanted, earlier, found] = [imageOf(source, name), imageOf(before.tables, name), imageOf(after.tables, name)];
    if (!found.exists) problems.push(`${name}: there is no such table in the destination.`);
    if (wanted.amounts !== 0n) problems.push(`${name}: the writer's own sum is ${wanted.amounts}: the test is wrong.`);
    const difference = describeDifference(wanted.hashes, found.hashes);
    if (difference !== null) problems.push(`${name}: source and destination differ: ${difference}.`);
    if (scenario.mode !== 'replicate' || scenario.options.hardDeletes || key.length === 0) continue;
    // Whatever was there and is not in the source any more is marked, and nothing else.
    const gone = subtract([...earlier.keys, ...earlier.deletedKeys].sort(), wanted.keys);
    const tombstones = describeDifference(gone, found.deletedKeys);
    if (tombstones !== null) problems.push(`${name}: deleted records and tombstones differ: ${tombstones}.`);
  }
  if (after.strays.length > 0) problems.push(`Left behind: ${after.strays.join(', ')}.`);
  return problems;
}

function checkEnd(what: string, scenario: Scenario, { execution, receipt }: Ended): string[] {
  const problems: string[] = [];
  if (execution.status !== 'completed') {
    problems.push(`${what} is ${execution.status}: ${execution.status_message ?? 'no message'}.`);
    for (const { schema, status, status_message: message } of execution.schemas)
      if (status !== 'completed') problems.push(`${schema} is ${status}: ${message ?? 'no message'}`);
  }
  if (receipt === null) return [...problems, `${what} has no receipt.`];
  if (receipt.verdict !== 'equal') problems.push(`${what} has the verdict ${receipt.verdict}.`);
  const missing = scenario.tables.filter(
    (table) => !receipt.schemas.some((proof) => proof.schema === `public.${table.name}` && proof.verdict === 'equal'),
  );
  if (missing.length > 0) problems.push(`${what} proves nothing of ${missing.map((table) => table.name).join(', ')}.`);
  return problems;
}

function imageOf(tables: ReadonlyMap<string, TableImage>, name: string): TableImage {
  const image = tables.get(name);
  if (image === undefined) throw new Error(`Nothing was read of ${name}.`);
  return image;
}
