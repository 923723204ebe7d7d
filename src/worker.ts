import { workerData } from 'node:worker_threads';
import { type CreditAccount, createContext, MemoryCredit } from './connector-kit/index.ts';
import { createAddressCheck } from './connector-kit/net/index.ts';
import { CONNECTORS } from './connectors/index.ts';
import { createFailpoints, servePipelines } from './engine/pipeline/index.ts';
import type { WorkerData } from './serve.ts';

/** Entry of the pipeline threads: wires connectors and engine for whole pipelines off the main thread. */
// The thread pool of `serve.ts` is the only one to start this file.
const { connectorSettings, failpoints, credit: account } = workerData as WorkerData & { credit: CreditAccount };
const failpoint = createFailpoints(failpoints);
const credit = new MemoryCredit(account);
const tools = { resolveHost: createAddressCheck({ denyPrivate: connectorSettings.denyPrivate }), failpoint, credit };

servePipelines({
  connectors: CONNECTORS,
  contextFor: (organizationId, applicationName) =>
    createContext(connectorSettings, tools, organizationId, applicationName),
  failpoint,
  credit,
});
