import type { ConnectorContext, ConnectorDefinition } from '../connector-kit/index.ts';
import type { GuardedClient } from '../connector-kit/net/index.ts';
import type { PlanDescription } from '../core/index.ts';
import type { NewExecution, ScopedStore, Store, StoreTransaction } from '../store/index.ts';

/** Who asks. Every operation acts in `organizationId` and nowhere else. */
export interface Caller {
  /**
   * `user`: a user's key. `organization`: a partner or deployment key that named the organization. `partner`,
   * `deployment`: such a key alone; the organization is the partner's own, or the installation's first. `scheduler`:
   * nobody asked, something was due.
   */
  readonly kind: 'user' | 'organization' | 'partner' | 'deployment' | 'scheduler';
  readonly organizationId: string;
  readonly organizationName: string;
  /** Null for callers that are not users. */
  readonly userId: string | null;
  readonly name: string;
  readonly email: string | null;
  /** The deprecated word for a user's roles; null for callers that are not users. */
  readonly role: string | null;
  /** Of a user; others have none. */
  readonly roleIds: readonly string[];
  /** Of a partner key: the partner's owner organization, also while it acts in another one. */
  readonly ownerId?: string;
  /** May do everything in the organization: an Admin, or a caller that is no user. */
  readonly isAdmin: boolean;
}

/** Connection type → connector. Each connector checks its own configuration with its schema before it uses it. */
export type ConnectorRegistry = ReadonlyMap<string, ConnectorDefinition<unknown>>;

/** The durable queue of executions, passed in by `main.ts`. */
export interface ExecutionQueue {
  /** Called inside the transaction that inserts the execution's row: both happen or neither. */
  enqueue(transaction: StoreTransaction, execution: { readonly id: string; readonly syncId: string }): Promise<void>;
}

/** What knows how executions are planned, passed in by `main.ts`; it runs none. */
export interface ExecutionPlanner {
  /** What this start would do now, planned as its execution would be; nothing is written anywhere. */
  planStart(organizationId: string, start: NewExecution, signal: AbortSignal): Promise<PlanDescription>;
  /** What an execution was planned to do; null while it is not. */
  describePlan(execution: {
    readonly id: string;
    readonly syncId: string;
    readonly organizationId: string;
  }): Promise<PlanDescription | null>;
}

/** The parts of the process that operations use; one per process. */
export interface Services {
  readonly store: Store;
  readonly connectors: ConnectorRegistry;
  readonly executions: ExecutionQueue;
  readonly planner: ExecutionPlanner;
  /** What a connector is given when it acts for that organization. */
  readonly connectorContext: (organizationId: string) => ConnectorContext;
  /** HTTP to hosts that users name. */
  readonly http: GuardedClient;
  /** Where people reach this server, without a slash at its end; for links that leave it. */
  readonly publicUrl: () => string;
  readonly newId: () => string;
  readonly clock: () => Date;
}

/** The same with a store that sees one organization only. */
export interface ScopedServices extends Omit<Services, 'store'> {
  readonly store: ScopedStore;
}

/** What every operation takes first: services held to the caller's organization, and who asks. */
export interface Context extends ScopedServices {
  readonly caller: Caller;
  /** The services over all organizations, for a partner or deployment key alone; null for everybody else. */
  readonly installation: Services | null;
}

/** The context of one request. */
export function createContext(services: Services, caller: Caller): Context {
  const installation = caller.kind === 'partner' || caller.kind === 'deployment' ? services : null;
  return { ...services, store: services.store.forOrganization(caller.organizationId), caller, installation };
}
