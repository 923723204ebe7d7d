export type { ActorType } from './columns.ts';
export { openStore, type Store, type StoreDatabase, type StoreOptions, type StoreTransaction } from './database.ts';
export type { ExecutionOverrides } from './execution-tables.ts';
export type { MasterKeySource, SecretBox, SecretOwner } from './secrets.ts';
export type {
  ConnectionStatus,
  Database,
  PolicyAction,
  ScheduleSettings,
  SelectedField,
  SelectedFilter,
} from './tables.ts';
