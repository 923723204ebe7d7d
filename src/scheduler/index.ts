export { type SchemaRefresher, startSchemaRefresher } from './schema-refresher.ts';
