export { describeDestination } from './describe-destination.ts';
export { describeSource } from './describe-source.ts';
