import type { ModelField, ModelOriginKind, ModelRelation } from '../../core/index.ts';
import type {
  ActorType,
  Defaulted,
  DefaultedJson,
  DefaultedTimestamp,
  Json,
  Nullable,
  NullableJson,
} from '../columns.ts';

/** Named looks at one connection. */
export interface ModelsTable {
  id: string;
  organizationId: string;
  connectionId: string;
  name: string;
  configuration: Json<Readonly<Partial<Record<ModelOriginKind, string>>>>;
  detectedFields: Json<readonly ModelField[]>;
  /** Null = all. */
  selectedFields: NullableJson<readonly string[]>;
  additionalFields: DefaultedJson<readonly ModelField[]>;
  identifier: Nullable<string>;
  trackingColumns: DefaultedJson<readonly string[]>;
  relations: DefaultedJson<readonly ModelRelation[]>;
  labels: Defaulted<string[]>;
  policies: Defaulted<string[]>;
  version: Defaulted<number>;
  createdBy: Nullable<string>;
  createdByType: ActorType;
  updatedBy: Nullable<string>;
  updatedByType: ActorType;
  createdAt: DefaultedTimestamp;
  updatedAt: DefaultedTimestamp;
}
