export { api } from './definition.ts';
