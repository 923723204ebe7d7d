import { isAbort, SyncError } from '../../../core/index.ts';

/** Of the server's answers to a user's own statement, those that blame the statement, by SQLSTATE or its class. */
const OF_THE_STATEMENT = /^(0A|21|22|25(?!P0[34])|2F|34|38|39|3F|42|44|54|55|57014|HV|P0|XX)/;

/** What failed in a user's statement, as the user's own business; everything else stays what it is. */
export function toQueryError(error: unknown, timeoutMs: number): unknown {
  if (!(error instanceof SyncError) || isAbort(error)) return error;
  if (error.code === 'SOURCE_CHANGED') return new SyncError('QUERY_FAILED', shorten(error.message));
  const { sqlState } = error.detail;
  if (typeof sqlState !== 'string' || !OF_THE_STATEMENT.test(sqlState)) return error;
  if (sqlState === '57014' || sqlState === '55P03') {
    const what = sqlState === '57014' ? 'was not done' : 'waited for a lock';
    return new SyncError(
      'QUERY_FAILED',
      `The query ${what} within ${timeoutMs / 1000} s and was stopped. Let it look at less, or run it when less is going on.`,
      { detail: { sqlState } },
    );
  }
  return new SyncError('QUERY_FAILED', shorten(error.message), { detail: { sqlState } });
}

/** Advice on syncs is none on queries: what the server says ends with the SQLSTATE. */
function shorten(message: string): string {
  const end = /\(SQLSTATE [0-9A-Z]{5}\)/.exec(message);
  return end === null ? message : `${message.slice(0, end.index + end[0].length)}.`;
}
