import type { Connector, ConnectorContext, ConnectorDefinition, Leftover } from '../../connector-kit/index.ts';
import { SyncError, serializeError } from '../../core/index.ts';
import type { InstallationFacts, StoredConnection } from '../../store/index.ts';
import { duration, type Finding, notice, ok, wrong } from './findings.ts';

/** What a connection may take, with all that is asked of it. */
const LIMIT_MS = 20_000;
/** A session may outlive its execution by the time that it takes to notice. */
const SESSION_SECONDS = 60;

/** What is known of the work that goes on. */
export interface KnownWork {
  readonly openExecutions: InstallationFacts['openExecutions'];
  readonly syncIds: ReadonlySet<string>;
}

/** Opens a connection as a sync would, and looks for what nobody needs any more. Changes nothing there. */
export async function examineConnection(
  definition: ConnectorDefinition<unknown> | undefined,
  connection: StoredConnection,
  context: ConnectorContext,
  work: KnownWork,
): Promise<readonly Finding[]> {
  const check = `connection ${connection.name}`;
  if (definition === undefined)
    return [
      wrong(check, `is of the type ${connection.type}, which this version does not have`, 'Start a newer version.'),
    ];
  // A second process that opens such a file is in the way of the one that works with it.
  if (definition.ownerKey !== undefined)
    return [ok(check, 'is a file that one process at a time may open, so it is left alone')];
  const config = definition.config.safeParse(connection.config);
  if (!config.success)
    return [wrong(check, 'its stored settings are not what this version takes', 'Save the connection again.')];
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    await using connector = await definition.connect(config.data, context);
    await connector.check(signal);
    const found = definition.canProve?.(config.data) === false ? 'names nothing that could be asked' : 'answers';
    return [ok(check, found), ...(await examineLeftovers(check, connector, work, signal))];
  } catch (error) {
    const { message } = serializeError(error);
    if (signal.aborted)
      return [wrong(check, `did not answer within ${LIMIT_MS / 1_000} s`, 'Look at the system and the network.')];
    if (error instanceof SyncError && error.kind === 'transient') return [notice(check, message, 'Look again later.')];
    return [wrong(check, message.split('\n')[0] ?? message, null)];
  }
}

async function examineLeftovers(
  check: string,
  connector: Connector,
  work: KnownWork,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const leftovers = (await connector.findLeftovers?.(signal)) ?? [];
  return leftovers.flatMap((leftover) => judgeLeftover(check, leftover, work) ?? []);
}

function judgeLeftover(check: string, leftover: Leftover, work: KnownWork): Finding | null {
  const { kind, name, remedy, load } = leftover;
  if (kind === 'slot')
    return notice(
      check,
      `nobody reads the ${name}; it keeps the server from removing its log`,
      `Ask who made it. If nobody needs it: ${remedy}`,
    );
  if (kind === 'session') {
    const isOpen = work.openExecutions.some(({ id }) => id === leftover.executionId);
    if (isOpen || (leftover.ageSeconds ?? 0) < SESSION_SECONDS) return null;
    return notice(
      check,
      `${name} belongs to an execution that is over, since ${duration(leftover.ageSeconds ?? 0)}`,
      remedy,
    );
  }
  if (load === null) return notice(check, `${name} was left by a load of an unknown sync`, remedy);
  const isLoading = work.openExecutions.some(
    ({ syncId, generations }) =>
      syncId === load.syncId &&
      generations.some(({ schemaId, generation }) => schemaId === load.schemaId && generation === load.generation),
  );
  if (isLoading) return null;
  return work.syncIds.has(load.syncId)
    ? notice(
        check,
        `${name} was left by a load of ${load.schemaId}`,
        `The next execution drops it. Until then: ${remedy}`,
      )
    : notice(
        check,
        `${name} was left by a sync that is deleted, or belongs to another Millrace`,
        `If no other Millrace writes there: ${remedy}`,
      );
}
