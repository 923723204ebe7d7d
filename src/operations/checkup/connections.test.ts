import { expect, it } from 'vitest';
import { z } from 'zod';
import { type ConnectorDefinition, createContext, createLoneCredit } from '../../connector-kit/index.ts';
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
