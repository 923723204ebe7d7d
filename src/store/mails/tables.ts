import type { Defaulted, DefaultedTimestamp, Json, Nullable, NullableTimestamp } from '../columns.ts';

export interface ErrorSubscribersTable {
  organizationId: string;
  position: number;
  email: string;
}

/** Which text a mail has (operations/notifications/templates). */
export type MailTemplate = 'execution_failed' | 'logs_exported' | 'invitation';

/** What the text is made of: ids, names, sentences; never secrets or record values. */
export type MailFacts = Readonly<Record<string, string | number | null>>;

export interface MailsTable {
  id: Defaulted<string>;
  organizationId: string;
  recipient: string;
  template: MailTemplate;
  facts: Json<MailFacts>;
  state: Defaulted<'waiting' | 'sent' | 'failed'>;
  attempts: Defaulted<number>;
  dueAt: DefaultedTimestamp;
  error: Nullable<string>;
  createdAt: DefaultedTimestamp;
  sentAt: NullableTimestamp;
}
