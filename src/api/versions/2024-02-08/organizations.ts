import type { Route } from '../../route.ts';
import { answerOrganizations, listOfOrganizations } from '../../routes/organizations.ts';
import { until } from '../range.ts';

/** Everybody may ask, and gets what the key reaches. */
export const organizationRoutes: readonly Route[] = [
  { ...listOfOrganizations, versions: until('2024-02-08'), callers: 'any', handle: answerOrganizations },
];
