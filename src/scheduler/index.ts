export {
  type RefresherLog,
  type RefresherOptions,
  type SchemaRefresher,
  startSchemaRefresher,
} from './schema-refresher.ts';
