export { createRowSource } from './row-source.ts';
export type { PageRequest, RowSystem } from './row-system.ts';
