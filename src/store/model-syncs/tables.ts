import type {
  MappedField,
  ModelMode,
  ModelSyncFilter,
  ModelSyncIdentity,
  ModelSyncOverride,
  ModelSyncSchedule,
  ModelSyncTarget,
} from '../../core/index.ts';
import type { ActorType, Defaulted, DefaultedTimestamp, Json, Nullable, NullableJson } from '../columns.ts';

export interface ModelSyncsTable {
  id: string;
  organizationId: string;
  name: string;
  active: Defaulted<boolean>;
  mode: ModelMode;
  /** Every model that the sync names, each once. */
  modelIds: string[];
  targetConnectionId: string;
  /** Id of what it writes, also while that is still to be made. */
  targetObject: string;
  target: Json<ModelSyncTarget>;
  identity: NullableJson<ModelSyncIdentity>;
  fields: Json<readonly MappedField[]>;
  overrideFields: Json<readonly MappedField[]>;
  filters: Json<readonly ModelSyncFilter[]>;
  /** Over the labels of the filters that look at the models. */
  filterLogic: Nullable<string>;
  overrides: Json<readonly ModelSyncOverride[]>;
  schedule: Json<ModelSyncSchedule>;
  syncAllRecords: boolean;
  skipInitialBackfill: boolean;
  onlyEnrichUpdates: boolean;
  /** One sealed JSON object with the passphrase; null = none. */
  secrets: Nullable<Buffer>;
  policies: Defaulted<string[]>;
  createdBy: Nullable<string>;
  createdByType: ActorType;
  updatedBy: Nullable<string>;
  updatedByType: ActorType;
  createdAt: DefaultedTimestamp;
  updatedAt: DefaultedTimestamp;
}
