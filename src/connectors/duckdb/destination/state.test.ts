import { beforeEach, expect, it } from 'vitest';
import { failure, NEVER, useDuckdbFile } from '../../../../tests/setup/duckdb/use-file.ts';
import { type FileLease, leaseFile, type Session } from '../../../connector-kit/duckdb/index.ts';
import { commitSegment, ensureState, findOutcome, raiseFence, raiseToken, setOwner } from './state.ts';

const OUTCOME = { recordsRead: 1, bytesRead: 1, source: { records: 1, sum: null }, rejects: [] };
const file = useDuckdbFile();
const alone = <T>(lease: FileLease, work: (session: Session) => Promise<T>): Promise<T> =>
  lease.exclusive('Testing', (session) => session.transaction(() => work(session)), NEVER);
const beside = <T>(lease: FileLease, work: (session: Session) => Promise<T>): Promise<T> =>
  lease.beside('Testing', (session) => session.transaction(() => work(session)), NEVER);
const find = (lease: FileLease) => alone(lease, (session) => findOutcome(session, file.plan(), 0));

beforeEach(async () => {
  await using lease = await leaseFile(file.path);
  await alone(lease, async (session) => {
    await ensureState(session);
    await setOwner(session, file.plan(), false);
    await raiseFence(session, file.plan());
    await raiseToken(session, file.plan(), { no: 0, token: 1 });
  });
});

it('commits no segment whose token was raised while it was loaded', async () => {
  await using lease = await leaseFile(file.path);
  const committing = alone(lease, async (session) => {
    // From here on it sees the file as it is now.
    await findOutcome(session, file.plan(), 0);
    await beside(lease, (other) => raiseToken(other, file.plan(), { no: 0, token: 2 }));
    await commitSegment(session, file.plan(), { no: 0, token: 1 }, OUTCOME);
  });
  await expect(committing).rejects.toThrow(failure('FENCE_LOST'));
  expect(await find(lease)).toBeNull();
  await alone(lease, (session) => commitSegment(session, file.plan(), { no: 0, token: 2 }, OUTCOME));
  expect(await find(lease)).toEqual(OUTCOME);
});

it('raises no token of a segment whose commit is under way', async () => {
  await using lease = await leaseFile(file.path);
  const tried = Promise.withResolvers<void>();
  let raising: Promise<void> | undefined;
  await alone(lease, async (session) => {
    await commitSegment(session, file.plan(), { no: 0, token: 1 }, OUTCOME);
    raising = beside(lease, (other) => raiseToken(other, file.plan(), { no: 0, token: 2 }).finally(tried.resolve));
    raising.catch(() => {});
    await tried.promise;
  });
  await expect(raising).rejects.toThrow(failure('FENCE_LOST'));
  expect(await find(lease)).toEqual(OUTCOME);
});

it('raises no token of a segment that was committed since it looked', async () => {
  await using lease = await leaseFile(file.path);
  let tries = 0;
  const raising = beside(lease, async (session) => {
    tries += 1;
    expect(await findOutcome(session, file.plan(), 0)).toEqual(tries === 1 ? null : OUTCOME);
    if (tries === 1) {
      await alone(lease, (other) => commitSegment(other, file.plan(), { no: 0, token: 1 }, OUTCOME));
    }
    await raiseToken(session, file.plan(), { no: 0, token: 2 });
  });
  await expect(raising).rejects.toThrow(failure('FENCE_LOST'));
  expect(await find(lease)).toEqual(OUTCOME);
});

it('raises a token of one segment while another is loaded', async () => {
  await using lease = await leaseFile(file.path);
  await alone(lease, async (session) => {
    await session.run('CREATE TABLE loaded AS SELECT 1 AS id');
    await beside(lease, (other) => raiseToken(other, file.plan(), { no: 1, token: 1 }));
    await commitSegment(session, file.plan(), { no: 0, token: 1 }, OUTCOME);
  });
  expect(await find(lease)).toEqual(OUTCOME);
});
