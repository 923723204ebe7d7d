import type { Defaulted } from '../columns.ts';

/** Requests passed on through one connection in one minute. */
export interface ProxyCallsTable {
  organizationId: string;
  connectionId: string;
  /** Its beginning. */
  minute: Date;
  calls: Defaulted<number>;
  /** Answered with a status from 200 to 299. */
  succeeded: Defaulted<number>;
  /** From 400 to 499. */
  refused: Defaulted<number>;
  /** From 500, or not answered at all. */
  failed: Defaulted<number>;
  lastCallAt: Date;
}
