import { setTimeout } from 'node:timers/promises';
import { deliverNext, type SendMail, type Services, sendNextMail } from '../operations/index.ts';

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

/** Loops that send what waits: events to webhooks, and e-mails. */
export interface Outbox {
  /** Ends them; an attempt that is under way is broken off and made again later. */
  stop(): Promise<void>;
}

/** An endpoint that hangs must not hold up all the others. */
const DELIVERIES_AT_ONCE = 4;
const POLL_MS = 1_000;

/** Starts the loops. Any number of processes may run them: each attempt is made by one of them. */
export function startOutbox(services: Services, options: OutboxOptions): Outbox {
  const stopping = new AbortController();
  const { signal } = stopping;
  const { sendMail, delaysMs } = options;
  const senders = Array.from({ length: DELIVERIES_AT_ONCE }, () => () => deliverNext(services, signal, delaysMs));
  if (sendMail !== undefined) senders.push(() => sendNextMail(services, sendMail, delaysMs));
  const ended = Promise.all(senders.map((sendNext) => loop(sendNext, options, signal)));
  return {
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}

/** Sends one after the other as long as something is due, then looks again after a pause. */
async function loop(sendNext: () => Promise<boolean>, options: OutboxOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    let isSent = false;
    try {
      isSent = await sendNext();
    } catch (error) {
      options.log.warn({ err: error }, 'Sending what waits failed; it is tried again.');
    }
    if (!isSent) await setTimeout(options.pollMs ?? POLL_MS, undefined, { signal }).catch(() => {});
  }
}
