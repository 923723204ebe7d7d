import type { z } from 'zod';
import type { BulkMode, FieldType, IdentityFunction, ModelMode, ResyncMode } from '../core/index.ts';
import type { BulkDestination } from './destination.ts';
import type { MemoryCredit } from './memory-credit.ts';
import type { ModelReader } from './models.ts';
import type { BulkSource } from './source.ts';

/** What the platform knows about a system before it opens a connection. */
export interface ConnectorDefinition<Config> {
  /** Public connection type, e.g. `postgresql`. Stored with every connection, so never renamed. */
  readonly type: string;
  readonly label: string;
  /** One schema validates input, draws the web form and writes the reference page. Unknown keys are refused. */
  readonly config: z.ZodType<Config>;
  /** Keys of `Config` that are sealed at rest and never returned. */
  readonly secrets: readonly string[];
  /** Keys inside secrets that are objects or lists, whose values are returned all the same, such as `name`. Absent = none. */
  readonly shownInSecrets?: readonly string[];
  /** Facts as data. The engine branches on these, never on `type`. */
  readonly capabilities: Capabilities;
  /** Placement `owner` only: what names the one thing that a single thread must own, such as the file's real path. */
  ownerKey?(config: Config, context: ConnectorContext): string;
  /** Keys of `Config` that say where the tables of a destination lie. Absent = all but the secrets. */
  readonly placeKeys?: readonly string[];
  /** Fields of the connection's, or of its syncs', configuration whose values can be listed. Absent = none. */
  readonly choices?: Readonly<Record<string, ChoiceList>>;
  /** False where `check` cannot tell whether the system takes this configuration. Absent = it always can. */
  canProve?(config: Config): boolean;
  /** Systems that speak HTTP: what requests that users pass on to them begin with. Absent = none can be passed on. */
  httpAccess?(config: Config): HttpAccess;
  connect(config: Config, context: ConnectorContext): Promise<Connector>;
}

/** Where requests to a system that speaks HTTP go, and what each of them carries. Values are secrets. */
export interface HttpAccess {
  /** `http:` or `https:`, without query and fragment. */
  readonly baseUrl: string;
  /** Each name at most once, whatever its case. */
  readonly headers: readonly NamedValue[];
  readonly query: readonly NamedValue[];
}

/** One header, or one parameter of a query. */
export interface NamedValue {
  readonly name: string;
  readonly value: string;
}

/** One value that a field of a configuration can have, and what people call it. */
export interface Choice {
  readonly label: string;
  readonly value: string;
}

/** Values of one field that the system itself, or the place where it lies, can list. */
export interface ChoiceList {
  /** True where other values than the listed ones are taken, and made. */
  readonly allowsCreation: boolean;
  /**
   * Called before a connection exists, too. At most 1,000 are used; order is kept.
   * @param given what somebody has filled in so far, not checked yet, secrets in clear
   * @throws a `CONN_…` error; `REQUEST_MALFORMED` where more must be filled in first
   */
  list(
    given: Readonly<Record<string, unknown>>,
    context: ConnectorContext,
    signal: AbortSignal,
  ): Promise<readonly Choice[]>;
}

/** Absent side = the system cannot be that. */
export interface Capabilities {
  readonly source?: {
    readonly supportsTrackingFields: boolean;
    /** True when it reads `FieldDescription.userPath`: fields that users add to JSON fields. */
    readonly supportsUserFields?: boolean;
    /**
     * `worker` (when absent): any thread opens its own connection. `owner`: one thread per `ownerKey` in this process does
     * all that touches the system, planning included.
     */
    readonly placement?: 'worker' | 'owner';
    /** Keys that `source_configuration` may hold. */
    readonly configuration: Readonly<Record<string, ConfigurationValue>>;
  };
  readonly destination?: {
    readonly modes: readonly BulkMode[];
    readonly resyncModes: readonly ResyncMode[];
    readonly configuration: Readonly<Record<string, ConfigurationValue>>;
    /**
     * `worker`: any pipeline thread opens its own connection.
     * `owner`: one thread per `ownerKey` in this process does all writing, other threads send it chunks.
     */
    readonly placement: 'worker' | 'owner';
    /** Bytes of one segment's wire format that suit one destination transaction. */
    readonly segmentBytes: number;
    /** Longest table or column name, in bytes; null where there is no limit. */
    readonly maxNameBytes: number | null;
    /** Names of schemas that belong to the system or hold Millrace's own state; no sync may write there. */
    readonly reservedSchemas: RegExp;
    /** True when `Id` and `id` can stand side by side as columns or tables. */
    readonly distinguishesCase: boolean;
    /** True when it has `openPack`: many small tables are loaded together. Placement `worker` only; absent = no. */
    readonly loadsPacks?: boolean;
    /** True when its loads have `analyze`. Placement `worker` only; absent = no. */
    readonly analyzes?: boolean;
  };
  /** Reverse ETL into tables; only what the API tells about it (objects, modes, creation). */
  readonly target?: { readonly modes: readonly ModelTargetMode[] };
}

export interface ModelTargetMode {
  readonly id: ModelMode;
  readonly requiresIdentity: boolean;
  readonly supportsPerFieldMode: boolean;
  readonly supportsTargetFilters: boolean;
}

/** One value of a sync's source or destination configuration, as the API describes it. */
export interface ConfigurationValue {
  /** As the API shows it; the public examples show `""` for switches, too. */
  readonly default?: unknown;
  readonly required?: boolean;
  /** What a value must be; absent = any text, number or switch. */
  readonly type?: 'string' | 'boolean' | 'number';
  /** Values of a nested object. */
  readonly items?: Readonly<Record<string, ConfigurationValue>>;
}

/** What `main.ts` or a pipeline thread gives a connector. */
export interface ConnectorContext {
  readonly organizationId: string;
  /** Absolute folder under which this organization's file paths must lie. */
  readonly filesRoot: string;
  /** Resolves and checks a host once; connect to what it returns. @throws `CONN_ADDRESS_REFUSED`, `CONN_UNREACHABLE` */
  readonly resolveHost: (host: string) => Promise<string>;
  /** Host:port/database of Millrace's own metadata database, which is never opened as a connection. */
  readonly forbiddenDatabase: DatabaseAddress | null;
  /** Prefix of the columns that Millrace adds to destination records. */
  readonly columnPrefix: string;
  /** Name for the system's session list, of the execution. While it works on a segment, a session adds number and token of it. */
  readonly applicationName: string;
  /** Injected by tests: throws or exits at a named point. Called between two steps, never awaited in hot loops. */
  readonly failpoint: (name: string) => void;
  /** Ask it before you hold more than a few chunks of a pipeline, such as a record that is longer than a chunk. */
  readonly credit: MemoryCredit;
}

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

/** An open system. Cheap to hold; sessions are opened on first use. */
export interface Connector extends AsyncDisposable {
  /** Proves address, credentials and least privilege; names what is missing. */
  check(signal: AbortSignal): Promise<void>;
  /**
   * Asks the system by a new session whether it is there at all; a refusal is an answer, too. Called every few seconds
   * while a step is silent. Absent where there is no network between. @throws whatever when there was no answer
   */
  reach?(signal: AbortSignal): Promise<void>;
  /** How records travel between us and the system, for the receipt, such as `TLS, verified`. Absent where no network is between. */
  readonly transport?: string;
  readonly source?: BulkSource;
  readonly destination?: BulkDestination;
  /** Tables that a model sync could write, and whether it can make new ones. */
  readonly target?: ModelTargetCatalogue;
  /** Single tables and queries, for models and the query runner. Absent = what `source` can do. */
  readonly models?: ModelReader;
  /** What is of ours, or in the way, in a system where one can look without being in anybody's way. Changes nothing. */
  findLeftovers?(signal: AbortSignal): Promise<readonly Leftover[]>;
}

/** Something that a load or a session keeps in a system. Whether it is still needed the caller has to know. */
export interface Leftover {
  readonly kind: 'table' | 'session' | 'slot';
  /** For people. */
  readonly name: string;
  /** The load that it belongs to; null = that cannot be told. */
  readonly load: { readonly syncId: string; readonly schemaId: string; readonly generation: number } | null;
  /** The execution that it belongs to; null = that cannot be told. */
  readonly executionId: string | null;
  readonly ageSeconds: number | null;
  /** The statement that removes it. */
  readonly remedy: string;
}

/** One field of an object that a model sync could write. */
export interface ModelTargetField {
  /** The system's own name of it. */
  readonly id: string;
  readonly type: FieldType;
  readonly remoteType: string;
  /** For people; null where the system has none. */
  readonly description: string | null;
  /** A record cannot be made without a value for it. */
  readonly isRequired: boolean;
  readonly isCreateable: boolean;
  readonly isUpdateable: boolean;
  readonly isFilterable: boolean;
  /** It refers to a record of another object. */
  readonly isAssociation: boolean;
  /** How it can tell whether a record is the same; empty = it cannot. */
  readonly identityFunctions: readonly IdentityFunction[];
}

export interface ModelTargetCatalogue {
  listObjects(signal: AbortSignal): Promise<readonly { readonly id: string; readonly name: string }[]>;
  /** The fields of one of those objects as they are now, in the system's order; null when it is none of them. */
  describeFields(objectId: string, signal: AbortSignal): Promise<readonly ModelTargetField[] | null>;
  /** The id that an object made with these creation properties would have; each property has a value. Pure. */
  toObjectId(properties: Readonly<Record<string, string>>): string;
  /** Properties asked for when a target is created; `values` where the system can list them. */
  creationProperties(signal: AbortSignal): Promise<
    readonly {
      readonly id: string;
      readonly title: string;
      readonly values?: readonly { readonly label: string; readonly value: string }[];
    }[]
  >;
}
