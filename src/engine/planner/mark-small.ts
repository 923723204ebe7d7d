import type { PlannedSchema } from '../../store/index.ts';
import type { SchemaPlan } from './schema-plan.ts';

/** What moving the records costs is small beside what a table costs by itself. */
const SMALL_BYTES = 1024 * 1024;
/** For fewer, nobody would see the difference; and each keeps the way that says most about a failure. */
const LEAST_SCHEMAS = 20;

/**
 * Marks the schemas that are worked on together. By the source's estimate: one that turns out larger, or needs more than
 * a pack does, is worked on by itself all the same.
 */
export function markSmall(planned: readonly PlannedSchema[]): readonly PlannedSchema[] {
  const small = new Set(planned.filter(isSmall));
  return small.size < LEAST_SCHEMAS ? planned : planned.map((schema) => ({ ...schema, isSmall: small.has(schema) }));
}

function isSmall({ plan, ranges, estimatedBytes }: PlannedSchema): boolean {
  // Made by this build's planner.
  const { kind, isVerification } = plan as SchemaPlan;
  const isPlain = (kind === 'replace' || kind === 'merge') && !isVerification;
  return isPlain && ranges.length === 1 && estimatedBytes !== null && estimatedBytes <= SMALL_BYTES;
}
