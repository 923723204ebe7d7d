/** True for the error of a write that a unique index refused. */
export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === '23505';
}

/** True for the error of a write that a foreign key refused, restricting deletes included. */
export function isForeignKeyViolation(error: unknown): boolean {
  return ['23503', '23001'].includes(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
