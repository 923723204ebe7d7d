import type { InstallationFacts, MetadataFacts, OpenExecution, WorkerFacts } from '../../store/index.ts';
import { duration, type Finding, notice, ok, wrong } from './findings.ts';

/** PostgreSQL 12 is the oldest that our SQL is written for. */
const OLDEST_SERVER = 12;
/** A worker counts as dead when it is silent for ten seconds; the others sweep every two. */
const SILENT_SECONDS = 20;
/** Schedules and tracking fields are only as good as the clocks. */
const SKEW_NOTICE_MS = 1_000;
const SKEW_WRONG_MS = 30_000;
/** Nothing of an execution moves so long only when something is stuck: a step ends within minutes. */
const QUIET_SECONDS = 30 * 60;
/** Renewed by then (`engine/executions/snapshots.ts`). */
const SNAPSHOT_SECONDS = 4 * 3_600;
/** Due syncs are looked for every second, and one that could not be started is tried again after half a minute. */
const OVERDUE_SECONDS = 120;
const MANY_EXECUTIONS = 2_000_000;

/** What the facts of the metadata database mean. */
export function judgeMetadata(facts: MetadataFacts, version: string): readonly Finding[] {
  const { installation } = facts;
  return [
    judgeServer(facts),
    judgeClock(facts.clockAheadMs),
    ...(facts.isSuperuser
      ? [
          notice(
            'metadata user',
            'is a superuser, whom row-level security does not bind',
            'Let an ordinary user own the metadata database, and name it in DATABASE_URL.',
          ),
        ]
      : []),
    ...(installation === null
      ? [ok('metadata', 'no server was ever started on this database')]
      : judgeInstallation(installation, version)),
  ];
}

function judgeServer({ serverVersion, sizeBytes }: MetadataFacts): Finding {
  const check = 'metadata database';
  const message = `PostgreSQL ${serverVersion} answers, ${Math.ceil(sizeBytes / 1_048_576)} MiB`;
  if (Number.parseInt(serverVersion, 10) >= OLDEST_SERVER) return ok(check, message);
  return wrong(check, message, `Use PostgreSQL ${OLDEST_SERVER} or later for the metadata.`);
}

function judgeClock(aheadMs: number): Finding {
  const check = 'clock';
  const skew = Math.abs(aheadMs);
  if (skew < SKEW_NOTICE_MS) return ok(check, 'agrees with the metadata database');
  const message = `the metadata database is ${(skew / 1_000).toFixed(1)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine`;
  return (skew < SKEW_WRONG_MS ? notice : wrong)(check, message, 'Set both clocks by NTP.');
}

function judgeInstallation(installation: InstallationFacts, version: string): readonly Finding[] {
  return [
    judgeMigrations(installation),
    judgeKey(installation.key),
    ...(installation.hasOldTables ? [] : judgeWork(installation, version)),
  ];
}

function judgeWork(installation: InstallationFacts, version: string): readonly Finding[] {
  return [
    ...judgeWorkers(installation, version),
    ...installation.openExecutions.flatMap((execution) => judgeExecution(execution)),
    ...judgeSchedules(installation),
    ...(installation.executions > MANY_EXECUTIONS
      ? [
          notice(
            'history',
            `about ${installation.executions} executions are kept`,
            'Lower MILLRACE_RETENTION_DAYS or MILLRACE_RETENTION_EXECUTIONS.',
          ),
        ]
      : []),
  ];
}

function judgeMigrations({ migrationProblem, pendingMigrations }: InstallationFacts): Finding {
  const check = 'migrations';
  if (migrationProblem !== null) return wrong(check, migrationProblem, null);
  if (pendingMigrations.length === 0) return ok(check, 'all applied');
  return notice(
    check,
    `${pendingMigrations.length} are not applied yet: ${pendingMigrations.map((name) => name.replace(/\.sql$/, '')).join(', ')}`,
    'They are at the next start of a server of this version. Back up before: millrace backup FILE',
  );
}

function judgeKey(key: InstallationFacts['key']): Finding {
  const check = 'master key';
  if (key === 'right') return ok(check, 'opens the stored secrets');
  return wrong(
    check,
    key === 'missing' ? 'is missing' : 'is not the one that the stored secrets were sealed under',
    'Restore the key that belongs to this database, in MILLRACE_ENCRYPTION_KEY or as master.key in the home folder.',
  );
}

function judgeWorkers({ workers, openExecutions }: InstallationFacts, version: string): readonly Finding[] {
  const check = 'workers';
  const silent = workers.filter((worker) => worker.silentSeconds > SILENT_SECONDS);
  const alive = workers.filter((worker) => worker.silentSeconds <= SILENT_SECONDS);
  const name = ({ host, pid }: WorkerFacts) => `process ${pid} on ${host}`;
  const others = alive.filter(({ build }) => build !== version);
  const findings = silent.map((worker) =>
    notice(
      check,
      `${name(worker)} has been silent for ${duration(worker.silentSeconds)} and is not declared dead yet`,
      alive.length > 0
        ? 'The others do that within seconds; if they do not, look at their logs.'
        : 'The next start of a server takes up its work: millrace serve',
    ),
  );
  if (others.length > 0)
    findings.push(
      notice(
        check,
        `${others.map((worker) => `${name(worker)} is Millrace ${worker.build}`).join(', ')}, this is ${version}`,
        'Finish the upgrade: stop each older server and start it again.',
      ),
    );
  if (alive.length === 0 && openExecutions.length > 0)
    findings.push(
      wrong(
        check,
        `none is alive, and ${openExecutions.length} executions wait for one`,
        'Start a server: millrace serve',
      ),
    );
  return findings.length > 0 ? findings : [ok(check, `${alive.length} alive`)];
}

function judgeSchedules({ overdue }: InstallationFacts): readonly Finding[] {
  const late = overdue.filter(({ seconds }) => seconds > OVERDUE_SECONDS);
  const [first] = late;
  if (first === undefined) return [];
  return [
    wrong(
      'schedules',
      `nobody starts ${late.length} syncs that are due, ${first.name} for ${duration(first.seconds)}`,
      'Start a server with the role scheduler (millrace serve has it unless --role says otherwise), or look at its log.',
    ),
  ];
}

function judgeExecution(execution: OpenExecution): readonly Finding[] {
  const check = 'execution';
  const name = `${execution.id} of ${execution.syncName}`;
  const cancel = `millrace syncs cancel ${execution.syncId}`;
  const findings: Finding[] = [];
  if (execution.lostSteps > 0 && execution.quietSeconds > SILENT_SECONDS)
    findings.push(
      wrong(
        check,
        `${name} has ${execution.lostSteps} steps that a dead worker had begun, and nobody has taken them up`,
        `Look for living workers; if there are some: ${cancel}, then start it again.`,
      ),
    );
  if (execution.quietSeconds > QUIET_SECONDS)
    findings.push(
      notice(
        check,
        `${name} is ${execution.status} and has begun no step for ${duration(execution.quietSeconds)}`,
        `Look at its console log. If it is stuck: ${cancel}`,
      ),
    );
  if ((execution.snapshotSeconds ?? 0) > SNAPSHOT_SECONDS)
    findings.push(
      notice(
        check,
        `${name} has held its source image for ${duration(execution.snapshotSeconds ?? 0)}, which keeps the source from cleaning up`,
        'It ends with the step that reads it. Cut the table smaller, or cancel it where the source matters more.',
      ),
    );
  return findings;
}
