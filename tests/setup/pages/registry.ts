import { z } from 'zod';
import type { ConnectorDefinition } from '../../../src/connector-kit/index.ts';
import { CONNECTORS as PUBLISHED } from '../../../src/connectors/index.ts';
import { connectPages } from './http-pages.ts';
import { PEOPLE } from './people.ts';

// Takes the place of the published registry where `register.ts` is loaded first.

const config = z.strictObject({ url: z.string() });

const pages: ConnectorDefinition<z.infer<typeof config>> = {
  type: 'pages',
  label: 'An HTTP API',
  config,
  secrets: [],
  capabilities: { source: { supportsTrackingFields: true, configuration: {} } },
  connect: async ({ url }) => connectPages({ url }, PEOPLE),
};

/** Every published system, and `pages`: an API of the test's own. */
export const CONNECTORS: ReadonlyMap<string, ConnectorDefinition<unknown>> = new Map([
  ...PUBLISHED,
  // Its configuration is parsed by its own schema before it comes back.
  ['pages', pages as ConnectorDefinition<unknown>],
]);
