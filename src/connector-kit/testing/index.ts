export { type DestinationFailpoints, type DestinationFixture, describeDestination } from './describe-destination.ts';
export { describeSource, type SourceFixture } from './describe-source.ts';
