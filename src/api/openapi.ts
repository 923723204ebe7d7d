import fastifySwagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { API_VERSIONS, type ApiVersion, VERSION_HEADER } from '../contract/index.ts';
import { addGenerals } from './openapi-generals.ts';

/** Collects one OpenAPI 3.1 document per API version from the schemas that validate. Call before the routes are added. */
export function registerOpenApi(app: FastifyInstance, productVersion: string): void {
  for (const version of API_VERSIONS) void app.register(fastifySwagger, documentOptions(version, productVersion));
  void app.after(() => {
    app.get('/openapi/:file', { schema: { hide: true } }, async (request, reply) => {
      // The path of this very route.
      const { file } = request.params as { file: string };
      const version = API_VERSIONS.find((candidate) => `${candidate}.json` === file);
      return version === undefined ? reply.callNotFound() : app.getDecorator<() => object>(decoratorOf(version))();
    });
  });
}

function decoratorOf(version: ApiVersion): string {
  return `openapi-${version}`;
}

type DocumentOptions = Extract<Parameters<typeof fastifySwagger>[1], { transform?: unknown }>;

function documentOptions(version: ApiVersion, productVersion: string): DocumentOptions {
  const transform = createJsonSchemaTransform({});
  const transformObject = createJsonSchemaTransformObject({});
  return {
    // The plugin takes any name; its type knows only its own.
    decorator: decoratorOf(version) as 'swagger',
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Millrace API',
        version,
        description: `Version ${version} of the API, served by Millrace ${productVersion}. Ask for it with the header \`${VERSION_HEADER}: ${version}\`.`,
      },
      components: {
        securitySchemes: {
          userKey: { type: 'http', scheme: 'bearer', description: "A user's API key." },
          organizationKey: {
            type: 'http',
            scheme: 'basic',
            description:
              'Organization id as user name and partner or deployment key as password; or the deployment key alone as user name, where there is one organization.',
          },
          partnerKey: {
            type: 'http',
            scheme: 'bearer',
            description: 'A partner or deployment key, over organizations.',
          },
        },
      },
    },
    transform: (document) => {
      const { schema, route, url } = document;
      const constraints: Readonly<Record<string, unknown>> = route.constraints ?? {};
      if (constraints.apiVersion !== version) return { schema: { ...schema, hide: true }, url };
      return transform(document);
    },
    // The two libraries do not agree on the type of a whole document; both mean one of OpenAPI 3.1.
    transformObject: (document) => addGenerals(transformObject(document) as never, version) as never,
  };
}
