export { files } from './definition.ts';
