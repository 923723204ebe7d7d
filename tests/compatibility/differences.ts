import type { ApiVersion } from '../../src/contract/index.ts';
import type { Deviation } from './openapi-comparison.ts';

/** A part of the published API that we deliberately describe otherwise; each has to exist in each of its versions. */
export interface Difference {
  readonly versions: readonly ApiVersion[];
  readonly kind: Deviation['kind'];
  /** Of `Deviation.operation`, from its start to its end. */
  readonly operation: RegExp;
  /** Of `Deviation.subject`, from its start to its end. */
  readonly subject: RegExp;
  /** Shown to users. */
  readonly reason: string;
}

const NEWER = ['2025-09-18', '2024-02-08'] as const;
const ALL = [...NEWER, '2023-04-25'] as const;
const OLDEST = ['2023-04-25'] as const;

const ID_NEEDED = 'Without an id the object names nothing, so it is refused by the schema rather than by a rule.';
const AUDIT = 'A connection that was written is answered as a read of it is, with who made and changed it.';
const INTERVAL = 'The interval of health checks is answered, since it can be set.';

/** Every deliberate difference between our OpenAPI documents and the published ones. */
export const DIFFERENCES: readonly Difference[] = [
  {
    versions: NEWER,
    kind: 'required',
    operation: /(POST|PUT|PATCH) \/api\/bulk\/syncs(\/\{\}(\/schemas(\/\{\})?)?)?/,
    subject: /request (schemas\[\]\.)?(fields\[\]\.)?id/,
    reason: ID_NEEDED,
  },
  {
    versions: OLDEST,
    kind: 'required',
    operation: /PATCH \/api\/bulk\/syncs\/\{\}\/schemas\/\{\}/,
    subject: /request fields\[\]\.id/,
    reason: ID_NEEDED,
  },
  {
    versions: NEWER,
    kind: 'field',
    operation: /(POST|PUT) \/api\/connections(\/\{\})?/,
    subject: /response data\.(created|updated)_(at|by)(\.\w+)?/,
    reason: AUDIT,
  },
  {
    versions: NEWER,
    kind: 'field',
    operation: /GET \/api\/connections(\/\{\})?/,
    subject: /response data(\[\])?\.healthcheck_interval/,
    reason: INTERVAL,
  },
  {
    versions: ['2024-02-08'],
    kind: 'required',
    operation: /(POST|PUT) \/api\/bulk\/syncs(\/\{\})?/,
    subject: /request schedule\.multi\.schedules/,
    reason: 'A `multi` schedule without schedules would be none; say `manual`.',
  },
  {
    versions: OLDEST,
    kind: 'required',
    operation: /PATCH .*/,
    subject: /request \w+/,
    reason: 'A PATCH changes what it names; the oldest clients send whole bodies, which is taken as well.',
  },
  {
    versions: ALL,
    kind: 'status',
    operation: /GET [^{}]+/,
    subject: /404/,
    reason: 'A list names nothing that could be unknown; it is empty instead.',
  },
  {
    versions: ALL,
    kind: 'status',
    operation: /POST [^{}]+/,
    subject: /404/,
    reason: 'An unknown id in a body is 422 here, as in every other body.',
  },
  {
    versions: ['2025-09-18'],
    kind: 'status',
    operation: /GET .*\/consolelog/,
    subject: /408/,
    reason: 'Logs are read from the database of Millrace, which answers at once or fails with 503.',
  },
  {
    versions: NEWER,
    kind: 'status',
    operation: /GET \/api\/events/,
    subject: /422/,
    reason: 'A filter that does not fit is 400, as in every other query.',
  },
  {
    versions: ['2024-02-08'],
    kind: 'parameter',
    operation: /GET \/api\/events/,
    subject: /query event_type/,
    reason: 'The public pages name the filter both ways; either is taken.',
  },
  {
    versions: NEWER,
    kind: 'field',
    operation: /(POST|PUT) \/api\/connections(\/\{\})?/,
    subject: /response data\.parent_connection_id/,
    reason: AUDIT,
  },
  {
    versions: NEWER,
    kind: 'field',
    operation: /GET \/api\/.*\/shared/,
    subject: /response data\[\]\.healthcheck_interval/,
    reason: INTERVAL,
  },
  {
    versions: NEWER,
    kind: 'status',
    operation: /GET \/api\/.*\/shared/,
    subject: /422/,
    reason: 'A read is never refused by a rule of its own.',
  },
  {
    versions: NEWER,
    kind: 'field',
    operation: /POST \/api\/connections\/\{\}\/query/,
    subject: /request query/,
    reason: 'The query may stand in the body, too: query strings end up in the logs of proxies.',
  },
  {
    versions: ALL,
    kind: 'required',
    operation: /(POST|PUT|PATCH) \/api\/(models(\/\{\})?|model-preview)/,
    subject: /request relations\[\]\.(from|to(\.\w+)?)/,
    reason: 'A relation without both of its ends relates nothing.',
  },
  {
    versions: NEWER,
    kind: 'required',
    operation: /(POST|PUT) \/api\/(models(\/\{\})?|model-preview)/,
    subject: /request enricher\.connection_id/,
    reason: 'An enricher is a connection; without one there is nothing to refuse it by.',
  },
  {
    versions: ['2025-09-18'],
    kind: 'enum',
    operation: /POST \/api\/connections\/\{\}\/proxy/,
    subject: /request request\.method/,
    reason: 'The published document leaves the word open, and its text names these five.',
  },
  {
    versions: NEWER,
    kind: 'enum',
    operation: /(POST|PUT) \/api\/(models(\/\{\})?|model-preview)/,
    subject: /request additional_fields\[\]\.type/,
    reason: 'The published document leaves the type of an added field open; these are its words for types.',
  },
];

/** A published operation that cannot succeed here yet. */
export interface Refusal {
  readonly versions: readonly ApiVersion[];
  /** As published. */
  readonly operation: string;
  /** What it is answered with: 404 = the path is not served; 422 = it is, and says why it refuses. */
  readonly status: 404 | 422;
  /** Shown to users. */
  readonly reason: string;
}

/** Every operation that is refused deliberately. */
export const REFUSALS: readonly Refusal[] = [
  {
    versions: NEWER,
    operation: 'POST /api/connections/connect/',
    status: 422,
    reason: 'There are no pages yet on which a user could be asked for credentials.',
  },
  {
    versions: OLDEST,
    operation: 'POST /api/connections/connect',
    status: 422,
    reason: 'There are no pages yet on which a user could be asked for credentials.',
  },
  ...['GET /api/connections/{id}/modelsync/enrichment-source', 'POST /api/enrichment/{connection_id}/inputfields'].map(
    (operation): Refusal => ({
      versions: NEWER,
      operation,
      status: 404,
      reason: 'No connection type of Millrace enriches records, and the published answer to that is 404.',
    }),
  ),
  {
    versions: ALL,
    operation: 'POST /api/syncs/{sync_id}/executions',
    status: 422,
    reason: 'Model syncs are kept and checked, but do not run yet.',
  },
  ...(
    [
      [ALL, 'GET /api/syncs/{sync_id}/executions/{id}'],
      [['2025-09-18'], 'POST /api/syncs/{sync_id}/executions/{id}/cancel'],
      [['2025-09-18'], 'GET /api/syncs/{sync_id}/executions/{id}/consolelog'],
      [['2024-02-08'], 'PUT /api/syncs/{sync_id}/executions/{id}'],
      [NEWER, 'GET /api/syncs/{sync_id}/executions/{id}/{type}'],
      [NEWER, 'GET /api/syncs/{sync_id}/executions/{id}/{type}/{filename}'],
    ] as const
  ).map(
    ([versions, operation]): Refusal => ({
      versions,
      operation,
      status: 404,
      reason: 'Model syncs do not run yet, so every execution is an unknown one.',
    }),
  ),
];
