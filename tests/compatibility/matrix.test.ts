import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ConfigurationValue } from '../../src/connector-kit/index.ts';
import { CONNECTORS } from '../../src/connectors/index.ts';
import { readContract } from './contract.ts';
import { CONFIGURATION_PROOFS, OLDER_PROOFS, PROOFS, type Proof } from './matrix.ts';

// No request field of a bulk sync without a test of what it does.

const ROOT = join(import.meta.dirname, '../..');
const contract = readContract('2025-09-18');

function listConfigurationKeys(values: Readonly<Record<string, ConfigurationValue>>, prefix: string): string[] {
  return Object.entries(values).flatMap(([key, { items }]) =>
    items === undefined ? [`${prefix}.${key}`] : listConfigurationKeys(items, `${prefix}.${key}`),
  );
}

const CONFIGURATION_KEYS = [...CONNECTORS.values()].flatMap(({ capabilities: { source, destination } }) => [
  ...listConfigurationKeys(source?.configuration ?? {}, 'source_configuration'),
  ...listConfigurationKeys(destination?.configuration ?? {}, 'destination_configuration'),
]);

/** The test that a proof names, as one line of complaint; null when it is there. */
function findFault(path: string, { file, title, row }: Proof): string | null {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const at = text.indexOf(`'${title}'`);
  if (at === -1) return `${path}: ${file} has no test '${title}'`;
  // `it(`, or the end of a table's `it.each(…)(`; never `it.skip(`.
  if (!/(\bit|\)|>)\($/.test(text.slice(0, at).trimEnd())) return `${path}: ${file} does not run '${title}'`;
  return row === undefined || text.includes(row) ? null : `${path}: ${file} has no case '${row}'`;
}

/** What sets up, changes or starts a bulk sync, or says what its source is taken for. */
const OF_BULK_SYNCS = /^(POST|PUT|PATCH) \/api\/(bulk\/syncs|connections\/\{connection_id\}\/schemas)\b/;

it('has every operation of bulk syncs that takes a body', () => {
  const taking = [...contract.operations]
    .filter(([operation, description]) => OF_BULK_SYNCS.test(operation) && description.requestBody !== undefined)
    .map(([operation]) => operation);
  expect(Object.keys(PROOFS).sort()).toEqual(taking.sort());
});

describe.each(Object.entries(PROOFS))('every request field of %s', (operation, proofs) => {
  const published = contract.listRequestFields(operation);

  it('is one that the contract has, and has its proof', () => {
    expect(published.length).toBeGreaterThan(0);
    expect(Object.keys(proofs).sort()).toEqual([...published].sort());
  });

  it('is proved by a test that exists', () => {
    const faults = Object.entries(proofs).map(([path, proof]) => findFault(path, proof));
    expect(faults.filter((fault) => fault !== null)).toEqual([]);
  });
});

describe('every request field that only older versions have', () => {
  // Single schedules are the same in every version that has them, and call other things `schedule`.
  const isOfSchedules = (operation: string): boolean => operation.includes('/schedules');
  const known = new Set(
    Object.entries(PROOFS).flatMap(([operation, proofs]) => (isOfSchedules(operation) ? [] : Object.keys(proofs))),
  );
  const older = ['2024-02-08', '2023-04-25'].flatMap((version) => {
    const { operations, listRequestFields } = readContract(version);
    const taking = [...operations].filter(
      ([operation, { requestBody }]) => OF_BULK_SYNCS.test(operation) && requestBody,
    );
    return taking
      .filter(([operation]) => !isOfSchedules(operation))
      .flatMap(([operation]) => listRequestFields(operation))
      .filter((field) => !known.has(field));
  });

  it('has its proof', () => {
    expect(Object.keys(OLDER_PROOFS).sort()).toEqual([...new Set(older)].sort());
  });

  it('is proved by a test that exists', () => {
    const faults = Object.entries(OLDER_PROOFS).map(([path, proof]) => findFault(path, proof));
    expect(faults.filter((fault) => fault !== null)).toEqual([]);
  });
});

describe('every setting of a connector’s sync configuration', () => {
  it('has its proof', () => {
    expect(Object.keys(CONFIGURATION_PROOFS).sort()).toEqual([...new Set(CONFIGURATION_KEYS)].sort());
  });

  it('is proved by a test that exists', () => {
    const faults = Object.entries(CONFIGURATION_PROOFS).map(([path, proof]) => findFault(path, proof));
    expect(faults.filter((fault) => fault !== null)).toEqual([]);
  });
});
