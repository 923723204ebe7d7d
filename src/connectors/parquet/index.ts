export { parquet } from './definition.ts';
