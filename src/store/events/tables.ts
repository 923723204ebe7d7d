import type { Defaulted, DefaultedTimestamp, Json } from '../columns.ts';

/** Facts of an event as the API shows them, so keys are snake_case. */
export type EventPayload = Readonly<Record<string, string | number>>;

export interface EventsTable {
  id: Defaulted<string>;
  organizationId: string;
  type: string;
  payload: Json<EventPayload>;
  createdAt: DefaultedTimestamp;
}
