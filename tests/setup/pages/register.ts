import { registerHooks } from 'node:module';

// Loaded into a server and its threads before anything else, it lets them know the connectors of `registry.ts`.

const PUBLISHED = new URL('../../../src/connectors/index.ts', import.meta.url).href;
const REGISTRY = new URL('./registry.ts', import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    return found.url === PUBLISHED && context.parentURL !== REGISTRY ? { ...found, url: REGISTRY } : found;
  },
});
