import type { ConnectorContext } from './connector.ts';

/** One value that a field of a configuration can have, and what people call it. */
export interface Choice {
  readonly label: string;
  readonly value: string;
}

/** Values of one field that the system itself, or the place where it lies, can list. */
export interface ChoiceList {
  /** True where other values than the listed ones are taken, and made. */
  readonly allowsCreation: boolean;
  /**
   * Called before a connection exists, too. At most `MAX_CHOICES` are used; order is kept.
   * @param given what somebody has filled in so far, not checked yet, secrets in clear
   * @throws a `CONN_…` error; `REQUEST_MALFORMED` where more must be filled in first
   */
  list(
    given: Readonly<Record<string, unknown>>,
    context: ConnectorContext,
    signal: AbortSignal,
  ): Promise<readonly Choice[]>;
}

/** More than this help nobody. */
export const MAX_CHOICES = 1_000;
