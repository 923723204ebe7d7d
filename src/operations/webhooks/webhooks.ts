import { SyncError } from '../../core/index.ts';
import {
  type DeliveryPosition,
  deleteWebhook as deleteRecord,
  findWebhook,
  insertWebhook,
  listDeliveries as listDeliveryRecords,
  listWebhooks as listRecords,
  updateWebhook as updateRecord,
  type WebhookRecord,
} from '../../store/index.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { authorize } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';

/** A webhook as it may be shown: never with its secret. */
export type Webhook = Omit<WebhookRecord, 'secret'>;

/** What a user gives for a webhook. */
export interface WebhookInput {
  readonly endpoint: string;
  /** Signs every delivery. The mask of an answer keeps the stored one. */
  readonly secret: string;
  /** Must be the caller's own when given. */
  readonly organizationId: string | null;
}

/** What stands for a stored secret in every answer. */
const SECRET_MASK = '********';
/** Shorter than a header line of any server. */
const MAX_ENDPOINT = 2_048;

/** The organization's webhooks, of which there is one at most. */
export async function listWebhooks(context: Context): Promise<readonly Webhook[]> {
  await authorize(context, 'read', { kind: 'organization' });
  return (await listRecords(context.store.db, context.caller.organizationId)).map(toWebhook);
}

/** @throws `NOT_FOUND` */
export async function getWebhook(context: Context, id: string): Promise<Webhook> {
  await authorize(context, 'read', { kind: 'organization' });
  return toWebhook(await requireWebhook(context, id));
}

/**
 * Makes the organization's webhook, enabled; what happened before is not sent.
 * @throws `REQUEST_REFUSED` for a second one, or an endpoint that cannot be one; `CONN_ADDRESS_REFUSED`
 */
export async function createWebhook(context: Context, input: WebhookInput): Promise<Webhook> {
  await authorize(context, 'create', { kind: 'organization' });
  const { organizationId } = context.caller;
  await checkInput(context, input);
  if (input.secret === SECRET_MASK) throw refuseField('secret', 'no secret is stored that the mask stands for');
  const id = context.newId();
  return context.store.transaction(async ({ db }) => {
    const secret = sealSecret(context, id, input.secret);
    const isInserted = await insertWebhook(db, organizationId, { id, endpoint: input.endpoint, secret });
    if (!isInserted)
      throw new SyncError(
        'REQUEST_REFUSED',
        'This organization has a webhook already, and can have one. Change that one, or delete it first.',
      );
    const webhook = toWebhook(await requireWebhook(context, id, db));
    await recordAudit(db, context, { action: 'create', object: toObject(webhook), before: null, after: webhook });
    return webhook;
  });
}

/** Replaces endpoint and secret; what is on its way goes to the new endpoint. @throws as {@link createWebhook}, and `NOT_FOUND` */
export async function updateWebhook(context: Context, id: string, input: WebhookInput): Promise<Webhook> {
  await authorize(context, 'edit', { kind: 'organization' });
  await requireWebhook(context, id);
  await checkInput(context, input);
  const isKept = input.secret === SECRET_MASK;
  const { endpoint } = input;
  const change = isKept ? { endpoint } : { endpoint, secret: sealSecret(context, id, input.secret) };
  return changeWebhook(context, id, { action: 'update', facts: isKept ? {} : { newSecret: true } }, change);
}

/** Off, nothing is sent, and what was on its way never is; on, what happens from now on is. @throws `NOT_FOUND` */
export async function setWebhookDisabled(context: Context, id: string, disabled: boolean): Promise<Webhook> {
  await authorize(context, 'edit', { kind: 'organization' });
  return changeWebhook(context, id, { action: disabled ? 'disable' : 'enable', facts: {} }, { disabled });
}

/** With its deliveries. @throws `NOT_FOUND` */
export async function deleteWebhook(context: Context, id: string): Promise<void> {
  await authorize(context, 'delete', { kind: 'organization' });
  const webhook = toWebhook(await requireWebhook(context, id));
  await context.store.transaction(async ({ db }) => {
    if (!(await deleteRecord(db, context.caller.organizationId, id))) throw unknown(id);
    await recordAudit(db, context, { action: 'delete', object: toObject(webhook), before: webhook, after: null });
  });
}

const DEFAULT_PAGE = 20;
const MAX_PAGE = 100;

/**
 * One page of what was sent to a webhook, newest first, as long as its events are kept.
 * @param page `limit` null or below 1 means 20, above 100 means 100
 * @throws `NOT_FOUND`
 */
export async function listDeliveries(
  context: Context,
  id: string,
  page: { readonly limit: number | null; readonly position: DeliveryPosition | null },
): Promise<DeliveryPage> {
  await authorize(context, 'read', { kind: 'organization' });
  await requireWebhook(context, id);
  const limit = page.limit === null || page.limit <= 0 ? DEFAULT_PAGE : Math.min(page.limit, MAX_PAGE);
  const query = { limit, position: page.position };
  const { records, next } = await listDeliveryRecords(context.store.db, context.caller.organizationId, id, query);
  return { deliveries: records, next };
}

/** Some deliveries of a webhook. */
export interface DeliveryPage {
  readonly deliveries: Awaited<ReturnType<typeof listDeliveryRecords>>['records'];
  readonly next: DeliveryPosition | null;
}

/** A delivery with its attempts. */
export type Delivery = DeliveryPage['deliveries'][number];

async function changeWebhook(
  context: Context,
  id: string,
  { action, facts }: { readonly action: string; readonly facts: object },
  change: Parameters<typeof updateRecord>[3],
): Promise<Webhook> {
  return context.store.transaction(async ({ db }) => {
    const before = toWebhook(await requireWebhook(context, id, db));
    const row = await updateRecord(db, context.caller.organizationId, id, change);
    if (row === undefined) throw unknown(id);
    const webhook = toWebhook(row);
    await recordAudit(db, context, { action, object: toObject(webhook), before, after: { ...webhook, ...facts } });
    return webhook;
  });
}

async function requireWebhook(context: Context, id: string, db = context.store.db): Promise<WebhookRecord> {
  const row = await findWebhook(db, context.caller.organizationId, id);
  if (row === undefined) throw unknown(id);
  return row;
}

function unknown(id: string): SyncError {
  return new SyncError('NOT_FOUND', `There is no webhook ${id} in this organization.`);
}

async function checkInput(context: Context, { endpoint, organizationId }: WebhookInput): Promise<void> {
  if (organizationId !== null && organizationId !== context.caller.organizationId)
    throw refuseField('organization_id', 'the key acts in another organization; leave it out');
  const url = URL.parse(endpoint);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || endpoint.length > MAX_ENDPOINT)
    throw refuseField('endpoint', 'must be an address such as https://example.com/hook');
  // A URL's parser drops line breaks without a word: what is shown would not be what is asked.
  if (/\s/.test(endpoint)) throw refuseField('endpoint', 'must hold no blanks and no line breaks');
  if (url.username !== '' || url.password !== '')
    throw refuseField('endpoint', 'must hold no user name and no password; deliveries are signed with the secret');
  try {
    await context.connectorContext(context.caller.organizationId).resolveHost(url.hostname);
  } catch (error) {
    // A name that does not resolve today may do so when something is sent; one that must not be opened never may.
    if (error instanceof SyncError && error.code === 'CONN_ADDRESS_REFUSED') throw error;
  }
}

function sealSecret(context: Context, id: string, secret: string): Buffer {
  return context.store.secrets.seal({ secret }, { organizationId: context.caller.organizationId, connectionId: id });
}

function toWebhook({ secret: _, ...webhook }: WebhookRecord): Webhook {
  return webhook;
}

function toObject({ id, endpoint }: Webhook) {
  return { type: 'webhook', id, name: endpoint };
}
