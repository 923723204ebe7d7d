import type { Session } from './session.ts';

/** Enough for what may run beside. */
const TRIMMED = '16MiB';

/**
 * Lets go of what DuckDB keeps in memory of a file that was written; what is needed again is read again. It keeps all of it
 * up to its limit, so that a load would take the more memory the larger the table is.
 */
export async function trimMemory(session: Session): Promise<void> {
  const [row] = await session.rows("SELECT current_setting('memory_limit') AS usual");
  // Refused where more than that is in use; by then DuckDB has let go of everything else.
  await session.run(`SET memory_limit = '${TRIMMED}'`).catch(() => {});
  await session.run(`SET memory_limit = '${row?.usual}'`);
}
