import type pg from 'pg';

/**
 * Does the work unless another process does it now: then nothing happens. The lock lives in a session of its own and ends
 * with it, so a process that dies leaves it to the others.
 * @param lock any number that stands for this work in the whole database
 * @returns whether the work was done here
 */
export async function tryExclusively(pool: pg.Pool, lock: number, work: () => Promise<void>): Promise<boolean> {
  const client = await pool.connect();
  let isBroken = true;
  try {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [lock]);
    const isOurs = rows[0]?.locked === true;
    if (isOurs) {
      await work();
      await client.query('SELECT pg_advisory_unlock($1)', [lock]);
    }
    isBroken = false;
    return isOurs;
  } finally {
    client.release(isBroken);
  }
}
