import { requireExecution } from '../bulk-syncs/executions/executions.ts';
import type { Context } from '../context.ts';
import { queueMail } from '../notifications/mail.ts';
import { type ExecutionPlace, toFileUrl } from './files.ts';

/** What the job is given. */
export interface ExportInput extends ExecutionPlace {
  readonly syncName: string;
  /** Who is sent the address; null = nobody. */
  readonly recipient: string | null;
}

/** As long as the job that tells it is kept. */
const LINK_MS = 24 * 3_600_000;

/** Makes the address of the archive, which is packed when it is fetched. Done twice, it may write twice. */
export const EXPORT_LOGS_HANDLER = {
  maxAttempts: 3,
  limitMs: 60_000,
  run: async (context: Context, job: { readonly input: unknown }) => {
    // Written by `exportLogs` as this very type.
    const { syncName, recipient, ...place } = job.input as ExportInput;
    await requireExecution(context, place.syncId, place.executionId);
    const expiresAt = new Date(context.clock().getTime() + LINK_MS);
    const url = toFileUrl(context, place, 'logs.zip', expiresAt);
    const expires = expiresAt.toISOString();
    if (recipient !== null) {
      const facts = { sync_name: syncName, execution_id: place.executionId, url, expires };
      const { organizationId } = context.caller;
      await queueMail(context.store.db, { organizationId, recipient, template: 'logs_exported', facts });
    }
    return { url, expires };
  },
};
