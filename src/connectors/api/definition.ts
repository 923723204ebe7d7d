import type { Connector, ConnectorContext, ConnectorDefinition } from '../../connector-kit/index.ts';
import { createGuardedClient } from '../../connector-kit/net/index.ts';
import { askHealth } from './client.ts';
import { type ApiConfig, apiConfig, toHttpAccess } from './config.ts';

/** Any HTTP API: requests are passed on to it. It is no side of a sync. */
export const api: ConnectorDefinition<ApiConfig> = {
  type: 'api',
  label: 'HTTP API',
  config: apiConfig,
  secrets: ['headers', 'parameters', 'auth'],
  shownInSecrets: ['name', 'username'],
  capabilities: {},
  canProve: hasHealthCheck,
  httpAccess: toHttpAccess,
  async connect(config, context) {
    // Also where nothing is asked: an address that is never opened is no base URL.
    await context.resolveHost(new URL(config.url).hostname);
    return createConnector(config, context);
  },
};

function hasHealthCheck({ healthcheck = '' }: ApiConfig): boolean {
  return healthcheck !== '';
}

function createConnector(config: ApiConfig, { resolveHost }: ConnectorContext): Connector {
  const ask = createGuardedClient({ resolveHost });
  return {
    async check(signal) {
      if (hasHealthCheck(config)) await askHealth(ask, toHttpAccess(config), config.healthcheck ?? '', signal);
    },
    async [Symbol.asyncDispose]() {},
  };
}
