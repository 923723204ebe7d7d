import { join } from 'node:path';
import type { ConnectorContext, DatabaseAddress } from './connector.ts';
import type { MemoryCredit } from './memory-credit.ts';

/** What all connectors of a process share. Plain data: it is sent to the pipeline threads. */
export interface ConnectorSettings {
  /** Absolute folder with one folder per organization in it. */
  readonly filesRoot: string;
  /** Refuse loopback and private addresses. */
  readonly denyPrivate: boolean;
  readonly forbiddenDatabase: DatabaseAddress | null;
  readonly columnPrefix: string;
}

/** The parts of a context that are no data. */
export interface ConnectorTools {
  readonly resolveHost: (host: string) => Promise<string>;
  readonly failpoint: (name: string) => void;
  readonly credit: MemoryCredit;
}

/** Makes the context of one organization's connectors. */
export function createContext(
  settings: ConnectorSettings,
  tools: ConnectorTools,
  organizationId: string,
  applicationName: string,
): ConnectorContext {
  return {
    organizationId,
    filesRoot: join(settings.filesRoot, organizationId),
    forbiddenDatabase: settings.forbiddenDatabase,
    columnPrefix: settings.columnPrefix,
    applicationName,
    ...tools,
  };
}
