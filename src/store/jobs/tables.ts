import type { JobStatus, JobType } from '../../core/index.ts';
import type {
  ActorType,
  Defaulted,
  DefaultedTimestamp,
  Json,
  Nullable,
  NullableJson,
  NullableTimestamp,
} from '../columns.ts';

/** Requests that are answered later. */
export interface JobsTable {
  id: string;
  organizationId: string;
  type: JobType;
  status: Defaulted<JobStatus>;
  caller: Json<Readonly<Record<string, unknown>>>;
  authorId: Nullable<string>;
  authorType: ActorType;
  input: Json<unknown>;
  result: NullableJson<unknown>;
  error: Nullable<string>;
  takings: Defaulted<number>;
  attempts: Defaulted<number>;
  freeAt: DefaultedTimestamp;
  createdAt: DefaultedTimestamp;
  finishedAt: NullableTimestamp;
  expiresAt: NullableTimestamp;
}

/** Records that a query found. */
export interface QueryPagesTable {
  jobId: string;
  page: number;
  organizationId: string;
  records: Json<readonly Readonly<Record<string, unknown>>[]>;
}
