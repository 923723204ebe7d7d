import type { Route } from '../route.ts';
import { routesOf20230425 } from './2023-04-25/index.ts';
import { routesOf20240208 } from './2024-02-08/index.ts';

/** What older versions say in another way, or at another place, than the newest: one folder per version. */
export const olderRoutes: readonly Route[] = [...routesOf20240208, ...routesOf20230425];
