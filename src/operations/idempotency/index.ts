export {
  beginIdempotent,
  endIdempotent,
  type KeptAnswer,
  renewIdempotent,
} from './idempotency.ts';
