import { expect, it } from 'vitest';
import { z } from 'zod';
import { type ConnectorDefinition, createContext, createLoneCredit, type Leftover } from '../../connector-kit/index.ts';
import { examineConnection } from './connections.ts';

const definition = (canProve: boolean): ConnectorDefinition<unknown> => ({
  type: 'plain',
  label: 'Plain',
  config: z.strictObject({}),
  secrets: [],
  capabilities: {},
  canProve: () => canProve,
  connect: async () => ({ check: async () => {}, [Symbol.asyncDispose]: async () => {} }),
});

const context = createContext(
  { filesRoot: '/nowhere', denyPrivate: false, forbiddenDatabase: null, columnPrefix: '__millrace_' },
  { resolveHost: async (host) => host, failpoint: () => {}, credit: createLoneCredit(1024) },
  'organization',
  'test',
);

it.each([
  [true, 'answers'],
  [false, 'names nothing that could be asked'],
])('says that a system answers only where that was proved: %s', async (canProve, message) => {
  const connection = { id: 'id', organizationId: 'organization', name: 'one', type: 'plain', config: {} };
  const findings = await examineConnection(definition(canProve), connection, context, {
    openExecutions: [],
    syncIds: new Set(),
  });
  expect(findings.map((finding) => finding.message)).toEqual([message]);
});

/** What is said of a system that has this in it, while one execution runs. */
async function judge(leftover: Partial<Leftover>): Promise<readonly string[]> {
  const whole = {
    kind: 'session',
    name: 'it',
    load: null,
    executionId: null,
    ageSeconds: null,
    remedy: 'END IT',
  } as const;
  const system: ConnectorDefinition<unknown> = {
    ...definition(true),
    connect: async () => ({
      check: async () => {},
      findLeftovers: async () => [{ ...whole, ...leftover }],
      [Symbol.asyncDispose]: async () => {},
    }),
  };
  const connection = { id: 'id', organizationId: 'organization', name: 'one', type: 'plain', config: {} };
  const open = {
    id: 'runs',
    syncId: 's',
    syncName: 'shop',
    status: 'running',
    quietSeconds: 0,
    lostSteps: 0,
    snapshotSeconds: null,
    generations: [],
  };
  const findings = await examineConnection(system, connection, context, { openExecutions: [open], syncIds: new Set() });
  return findings.filter(({ level }) => level === 'notice').map(({ message, advice }) => `${message} → ${advice}`);
}

it.each([
  ['a session of an execution that runs', { executionId: 'runs', ageSeconds: 5_000 }, []],
  ['a session that may just be ending', { executionId: 'over', ageSeconds: 59 }, []],
  [
    'an orphan',
    { executionId: 'over', ageSeconds: 61 },
    ['it belongs to an execution that is over, since 1 min → END IT'],
  ],
  [
    'a slot',
    { kind: 'slot' },
    ['nobody reads the it; it keeps the server from removing its log → Ask who made it. If nobody needs it: END IT'],
  ],
] as const)('weighs %s', async (_what, leftover, findings) => {
  expect(await judge(leftover)).toEqual(findings);
});
