import { SyncError } from '../../../core/index.ts';
import type { Context } from '../../context.ts';
import { PROXY_LIMITS } from './rules.ts';

const MINUTE_MS = 60_000;
/** Windows that have passed are forgotten when there are more than so many. */
const MAX_WINDOWS = 1_000;

interface Window {
  readonly endsAt: number;
  count: number;
}

/** Counts by connection and by organization, of one process; a process has one HTTP client. */
const WINDOWS = new WeakMap<object, Map<string, Window>>();

/**
 * Counts one request that is about to be passed on. Each process counts for itself.
 * @throws `PROXY_RATE_LIMITED`, which is not counted
 */
export function takeTurn(context: Context, connectionId: string): void {
  const now = context.clock().getTime();
  const windows = WINDOWS.get(context.http) ?? new Map<string, Window>();
  WINDOWS.set(context.http, windows);
  if (windows.size > MAX_WINDOWS) forgetPassed(windows, now);
  const counted = [
    { key: `connection ${connectionId}`, most: PROXY_LIMITS.connectionPerMinute, whose: 'connection' },
    {
      key: `organization ${context.caller.organizationId}`,
      most: PROXY_LIMITS.organizationPerMinute,
      whose: 'organization',
    },
  ].map((limit) => ({ ...limit, window: openWindow(windows, limit.key, now) }));
  for (const { window, most, whose } of counted)
    if (window.count >= most) throw refuse(whose, most, window.endsAt - now);
  for (const { window } of counted) window.count += 1;
}

function openWindow(windows: Map<string, Window>, key: string, now: number): Window {
  const known = windows.get(key);
  // A clock that was set back must not shut anybody out for longer.
  if (known !== undefined && known.endsAt > now && known.endsAt <= now + MINUTE_MS) return known;
  const opened = { endsAt: now + MINUTE_MS, count: 0 };
  windows.set(key, opened);
  return opened;
}

function forgetPassed(windows: Map<string, Window>, now: number): void {
  for (const [key, { endsAt }] of windows) if (endsAt <= now) windows.delete(key);
}

function refuse(whose: string, most: number, waitMs: number): SyncError {
  return new SyncError(
    'PROXY_RATE_LIMITED',
    `More than ${most} requests in one minute were to be passed on in this ${whose}. Wait ${Math.ceil(waitMs / 1000)} seconds.`,
    { retryAfterMs: waitMs },
  );
}
