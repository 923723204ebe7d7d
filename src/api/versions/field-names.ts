import { type ErrorDetail, SyncError } from '../../core/index.ts';

/**
 * Does something whose refusals name fields as the newest version does, and names them as an older request wrote them.
 * @param toName the name of a field in the request; the same one where nothing differs
 */
export async function namingFields<T>(toName: (field: string) => string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw error instanceof SyncError ? rename(error, toName) : error;
  }
}

function rename(error: SyncError, toName: (field: string) => string): SyncError {
  const named = listFields(error.detail).filter((field) => toName(field) !== field);
  if (named.length === 0) return error;
  const message = named.reduce((text, field) => text.replaceAll(`\`${field}\``, `\`${toName(field)}\``), error.message);
  const { field, fields } = error.detail;
  const detail = {
    ...error.detail,
    ...(typeof field === 'string' ? { field: toName(field) } : {}),
    ...(Array.isArray(fields) ? { fields: fields.map((one) => (typeof one === 'string' ? toName(one) : one)) } : {}),
  };
  return new SyncError(error.code, message, { cause: error, detail });
}

function listFields({ field, fields }: ErrorDetail): string[] {
  return [field, ...(Array.isArray(fields) ? fields : [])].filter((name) => typeof name === 'string');
}
