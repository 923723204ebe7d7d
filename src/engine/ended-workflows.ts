import type { DBOSClient } from '@dbos-inc/dbos-sdk';

/** Children are removed with their parent and never before it: a parent that is taken up again asks for their results. */
const PARENT_NAME = 'execution';
/** Its calls answer within a second also when each has the most lanes. */
const WORKFLOWS_AT_ONCE = 50;

/**
 * Removes workflows of the durable engine that ended before `until`, with their lanes. Nobody asks for them any more: what
 * an execution did stands in rows of ours.
 * @returns how many executions' workflows were removed; 0 = nothing is left to remove
 */
export async function removeEndedWorkflows(
  client: Pick<DBOSClient, 'listWorkflows' | 'deleteWorkflows'>,
  until: Date,
): Promise<number> {
  const ended = await client.listWorkflows({
    workflowName: PARENT_NAME,
    status: ['SUCCESS', 'ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'],
    endTime: until.toISOString(),
    completedBefore: until.toISOString(),
    limit: WORKFLOWS_AT_ONCE,
    loadInput: false,
    loadOutput: false,
  });
  const ids = ended.map(({ workflowID }) => workflowID);
  if (ids.length > 0) await client.deleteWorkflows(ids, true);
  return ids.length;
}
