/** Waits out passing failures of the metadata database, so that its restart ends no execution. */
export async function retryStore<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || !isPassing(error) || attempt >= 60) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.min(2_000, 100 * attempt)));
    }
  }
}

const PASSING_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '25P03',
  '40001',
  '40P01',
  '08000',
  '08003',
  '08006',
];

/** What the driver says itself has no code. */
const PASSING_TEXTS = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  // The session broke between two statements.
  'is not queryable',
];

function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && PASSING_CODES.includes(String(error.code))) return true;
  return PASSING_TEXTS.some((text) => error.message.includes(text));
}
