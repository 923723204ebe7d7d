import { setTimeout } from 'node:timers/promises';
import { deliverNext, type SendMail, type Services, sendNextMail, tidyDeliveries } from '../operations/index.ts';
import { type DueKind, findDueKinds } from '../store/index.ts';

/** The part of a logger that is used here. */
export interface OutboxLog {
  warn(facts: object, message: string): void;
}

export interface OutboxOptions {
  readonly log: OutboxLog;
  /** Absent = no SMTP is configured; e-mails then wait for a day. */
  readonly sendMail?: SendMail;
  /** Pauses before the retries, in milliseconds; absent = as documented. */
  readonly delaysMs?: readonly number[];
  /** Pause between two looks for what is due, in milliseconds. */
  readonly pollMs?: number;
}

/** A loop that sends what waits: events to webhooks, and e-mails. */
export interface Outbox {
  /** Ends it; an attempt that is under way is broken off and made again later. */
  stop(): Promise<void>;
}

/** An endpoint that hangs must not hold up all the others. */
const DELIVERIES_AT_ONCE = 4;
const POLL_MS = 1_000;
const TIDY_EVERY_MS = 60_000;

/** What the outbox sends of one kind: one of it, or false when nothing is due. */
interface Sender {
  readonly kind: DueKind;
  readonly atOnce: number;
  readonly running: Set<Promise<void>>;
  sendNext(): Promise<boolean>;
}

/** Starts it. Any number of processes may run one: each attempt is made by one of them. */
export function startOutbox(services: Services, options: OutboxOptions): Outbox {
  const stopping = new AbortController();
  const senders = listSenders(services, options, stopping.signal);
  const ended = loop(services, senders, options, stopping.signal);
  return {
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

function listSenders(services: Services, { sendMail, delaysMs }: OutboxOptions, signal: AbortSignal): Sender[] {
  const deliveries: Sender = {
    kind: 'webhookDeliveries',
    atOnce: DELIVERIES_AT_ONCE,
    running: new Set(),
    sendNext: () => deliverNext(services, signal, delaysMs),
  };
  if (sendMail === undefined) return [deliveries];
  const mails: Sender = {
    kind: 'mails',
    atOnce: 1,
    running: new Set(),
    sendNext: () => sendNextMail(services, sendMail, delaysMs),
  };
  return [deliveries, mails];
}

/** Looks for what is due, and sends it beside the next look: what hangs holds up only its own kind. */
async function loop(
  services: Services,
  senders: readonly Sender[],
  { log, pollMs }: OutboxOptions,
  signal: AbortSignal,
): Promise<void> {
  let tidiedAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    try {
      await startDue(services, senders, log, signal);
      if (performance.now() - tidiedAt > TIDY_EVERY_MS) {
        tidiedAt = performance.now();
        await tidyDeliveries(services);
      }
    } catch (error) {
      log.warn({ err: error }, 'Looking for what waits to be sent failed; it is tried again.');
    }
    await setTimeout(pollMs ?? POLL_MS, undefined, { signal }).catch(() => {});
  }
  await Promise.all(senders.flatMap(({ running }) => [...running]));
}

async function startDue(
  services: Services,
  senders: readonly Sender[],
  log: OutboxLog,
  signal: AbortSignal,
): Promise<void> {
  const free = senders.filter(({ running, atOnce }) => running.size < atOnce);
  if (free.length === 0) return;
  const due = await findDueKinds(
    services.store.db,
    free.map(({ kind }) => kind),
  );
  for (const sender of free.filter(({ kind }) => due.has(kind))) {
    while (sender.running.size < sender.atOnce) {
      const work = sendAll(sender, log, signal).finally(() => sender.running.delete(work));
      sender.running.add(work);
    }
  }
}

/** Sends one after the other as long as something is due. */
async function sendAll(sender: Sender, log: OutboxLog, signal: AbortSignal): Promise<void> {
  try {
    while (!signal.aborted && (await sender.sendNext()));
  } catch (error) {
    log.warn({ err: error }, 'Sending what waits failed; it is tried again.');
  }
}
