import type { z } from 'zod';
import type { proxyEnvelope, proxyInfoEnvelope } from '../../contract/index.ts';
import type { getProxyInfo, proxyRequest } from '../../operations/index.ts';

type Answer = z.output<typeof proxyEnvelope>['data'];
type Info = z.output<typeof proxyInfoEnvelope>['data'];

/** What a system answered, as published. */
export function toProxyAnswerView(outcome: Awaited<ReturnType<typeof proxyRequest>>): Answer {
  const { isTruncated: truncated, ...rest } = outcome;
  return { ...rest, truncated };
}

/** What a connection says of requests through it, as published. */
export function toProxyInfoView(info: Awaited<ReturnType<typeof getProxyInfo>>): Info {
  const { counts, requestContract, ...rest } = info;
  return {
    ...rest,
    requestContract: {
      ...requestContract,
      allowedMethods: [...requestContract.allowedMethods],
      blockedRequestHeaders: [...requestContract.blockedRequestHeaders],
      blockedResponseHeaders: [...requestContract.blockedResponseHeaders],
      bodyTypes: [...requestContract.bodyTypes],
      queryModes: [...requestContract.queryModes],
      queryValueTypes: [...requestContract.queryValueTypes],
    },
    stats: {
      callsLast24h: counts.calls,
      proxyCallsLast24h: counts.calls,
      proxy2xxLast24h: counts.succeeded,
      proxy4xxLast24h: counts.refused,
      proxy5xxLast24h: counts.failed,
      lastProxyCallAt: counts.lastCallAt?.toISOString() ?? null,
    },
  };
}
