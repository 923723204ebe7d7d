import type { LoadPlan, PublishCounts } from '../../../../connector-kit/index.ts';
import { emptySum } from '../../../../formats/index.ts';
import type { Session } from '../../client.ts';
import { quoteName, quoteTable } from '../../sql.ts';
import type { LiveTable } from '../live-table.ts';
import { lockOutReaders } from '../lock-out-readers.ts';
import { endAdoption, isAdopted } from '../ownership.ts';
import { alterLive, refuseReferenced } from './alter.ts';
import { carryGrants, findDependants, isReferenced, refuseRebuild } from './dependants.ts';
import { carryHistory } from './history.ts';
import { guardReplacement } from './loss.ts';
import { mergeStage } from './merge.ts';
import { proveInPlace } from './prove.ts';
import { countRecords, dropShadow, refill, type Sizes } from './refill.ts';
import type { PublishScene } from './scene.ts';

/** Puts the shadow in the live table's place, or its records into it where other things hang on the table. Never CASCADE. */
export async function publishReplacement(
  session: Session,
  scene: PublishScene,
  live: LiveTable | null,
  signal: AbortSignal,
): Promise<PublishCounts> {
  const { plan } = scene;
  if (live === null) return replaceNothing(session, scene, signal);
  if (plan.replacement === 'rebuild') return rebuild(session, scene, live, signal);
  if (await isReferenced(session, live, signal)) return mergeReferenced(session, scene, live, signal);
  const sizes = await guardReplacement(session, scene, live, signal);
  const mustStay =
    plan.replacement === 'in_place' ||
    (await isAdopted(session, plan, signal)) ||
    (await findDependants(session, plan, live, signal)).length > 0;
  // An exchanged table that keeps no tombstones is new: carrying its first times over would write every record again.
  const carried = plan.tombstones || mustStay ? await carryHistory(session, scene, live, signal) : [];
  return mustStay
    ? refill(session, scene, live, { ...sizes, carried }, signal)
    : swap(session, scene, live, sizes, signal);
}

/** A new table that knows nothing of the old one but who may read it. */
async function rebuild(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<PublishCounts> {
  await refuseRebuild(session, scene.plan, live, signal);
  const sizes = await guardReplacement(session, scene, live, signal);
  await endAdoption(session, scene.plan, signal);
  return swap(session, scene, live, sizes, signal);
}

async function replaceNothing(session: Session, scene: PublishScene, signal: AbortSignal): Promise<PublishCounts> {
  const staged = await countRecords(session, scene.names.scratch, signal);
  await rename(session, scene, signal);
  return { inserted: staged, updated: 0, unchanged: 0, deleted: 0, rejects: [], rejected: emptySum(false) };
}

async function swap(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  { staged, lost }: Sizes,
  signal: AbortSignal,
): Promise<PublishCounts> {
  const { names } = scene;
  await carryGrants(session, live, names.scratch, signal);
  await lockOutReaders(session, names.live, signal);
  await session.script(`Exchanging ${names.live}`, `DROP TABLE ${names.live}`, signal);
  await rename(session, scene, signal);
  return { inserted: staged, updated: 0, unchanged: 0, deleted: lost, rejects: [], rejected: emptySum(false) };
}

async function rename(session: Session, { plan, names }: PublishScene, signal: AbortSignal): Promise<void> {
  const action = `Naming ${names.live}`;
  const [createdAt, updatedAt] = [names.createdAt, names.updatedAt];
  const defaults = [createdAt, updatedAt]
    .filter((column) => column !== null)
    .map((column) => `ALTER COLUMN ${column} SET DEFAULT now()`);
  if (defaults.length > 0) await session.script(action, `ALTER TABLE ${names.scratch} ${defaults.join(', ')}`, signal);
  await session.script(action, `ALTER TABLE ${names.scratch} RENAME TO ${quoteName(plan.table.name)}`, signal);
  const [row] = await session.query(
    action,
    `SELECT conname, to_regclass($2) IS NULL AS free FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'p'`,
    [names.live, quoteTable({ schema: plan.table.schema, name: toKeyName(plan) })],
    signal,
  );
  if (row?.free === 't') {
    await session.script(
      action,
      `ALTER TABLE ${names.live} RENAME CONSTRAINT ${quoteName(row.conname ?? '')} TO ${quoteName(toKeyName(plan))}`,
      signal,
    );
  }
}

/** As PostgreSQL itself would name it; a longer table name is cut at 58 bytes at most. */
function toKeyName(plan: LoadPlan): string {
  let name = plan.table.name;
  while (Buffer.byteLength(name) > 58) name = name.slice(0, -1);
  return `${name}_pkey`;
}

/** A table that others point to is brought to the same records by the difference, with real deletes. */
async function mergeReferenced(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<PublishCounts> {
  refuseReferenced(scene.plan, live, await isAdopted(session, scene.plan, signal));
  const fitted = await alterLive(session, scene, live, 'kept', signal);
  const counts = await mergeStage(session, scene, fitted, signal);
  await proveInPlace(session, scene, fitted, counts, signal);
  await dropShadow(session, scene, signal);
  return counts;
}
