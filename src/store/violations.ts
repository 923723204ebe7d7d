/** True for the error of a write that a unique index refused. */
export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === '23505';
}

/** True for the error of a write that a foreign key refused, restricting deletes included. */
export function isForeignKeyViolation(error: unknown): boolean {
  return ['23503', '23001'].includes(codeOf(error));
}

const PARENTS: Readonly<Record<string, string>> = {
  organization: 'organization',
  sync: 'bulk sync',
  execution: 'execution',
  connection: 'connection',
  user: 'user',
  webhook: 'webhook',
};

/** What a refused write belonged to, which was deleted before it; null for all other errors. Rows are never written before their parents. */
export function findDeletedParent(error: unknown): string | null {
  if (codeOf(error) !== '23503' || !(error instanceof Error) || !('constraint' in error)) return null;
  const [, parent = ''] = /_([a-z]+)_id_fkey$/.exec(String(error.constraint)) ?? [];
  return PARENTS[parent] ?? null;
}

/** True where the database gave up one of two transactions that waited for each other. */
export function isDeadlock(error: unknown): boolean {
  return codeOf(error) === '40P01';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
