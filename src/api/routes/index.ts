import type { Route } from '../route.ts';
import { identityRoutes } from './identity.ts';

/** Every operation of the API, one list per resource. */
export const ROUTES: readonly Route[] = [...identityRoutes];
