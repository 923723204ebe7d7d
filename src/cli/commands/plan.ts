import type { Command } from 'commander';
import type { PlanQuery } from '../../contract/index.ts';
import type { GlobalOptions, Run } from '../command.ts';
import { findSync } from '../lookup.ts';
import { readPercent } from '../percent.ts';
import { planExitCode, planLines } from '../plan.ts';
import { printJson, type Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

interface PlanOptions extends GlobalOptions {
  readonly execution?: string;
  readonly schema?: readonly string[];
  readonly resyncMode?: string;
  readonly fetchMode?: string;
  readonly maxLossPercent?: string;
}

/** `syncs plan`. */
export function addPlanCommand(syncs: Command, run: Run): void {
  syncs
    .command('plan')
    .description('tell what a start would do now, and do none of it; exit code 1 when something would be refused')
    .argument('<sync>', 'id or name')
    .option('--execution <id>', 'what that execution was planned to do, instead')
    .option('--schema <id...>', 'only these schemas')
    .option('--resync-mode <mode>', 'as a start with refetch, resync or rebuild')
    .option('--fetch-mode <mode>', 'as a start with full or incremental')
    .option('--max-loss-percent <percent>', 'as a start with a loss guard of its own')
    .action((sync: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<PlanOptions>();
      return run(options, (session) => showPlan(session, sync, options));
    });
}

async function showPlan(session: Session, idOrName: string, options: PlanOptions): Promise<number> {
  const client = session.client();
  const { execution } = options;
  const query = toQuery(options);
  if (execution !== undefined && Object.keys(query).length > 0)
    throw new UsageError('--execution shows a plan as it was made, so it takes no options of a start.');
  const sync = await findSync(client, idOrName, session.signal);
  const plan =
    execution === undefined
      ? await client.getPlan(sync.id, query, session.signal)
      : await client.getExecutionPlan(sync.id, execution, session.signal);
  if (session.isJson) printJson(session, plan);
  else session.out.line(...planLines(plan, session.out));
  return planExitCode(plan);
}

/** The server knows which modes there are, and which of them this sync takes. */
function toQuery({ schema, resyncMode, fetchMode, maxLossPercent }: PlanOptions): PlanQuery {
  return {
    ...(schema === undefined ? {} : { schemas: [...schema] }),
    // Any text: what is no mode is refused there, naming the modes.
    ...(resyncMode === undefined ? {} : { resync_mode: resyncMode as 'refetch' }),
    ...(fetchMode === undefined ? {} : { fetch_mode: fetchMode as 'full' }),
    ...(maxLossPercent === undefined ? {} : { max_loss_percent: readPercent('--max-loss-percent', maxLossPercent) }),
  };
}
