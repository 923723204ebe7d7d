// The threads' own door: what lies behind the engine's other one, the durable engine and the store, would cost every
// thread some ten megabytes for nothing.
export { createFailpoints } from '../failpoints.ts';
export { servePipelines } from './thread.ts';
