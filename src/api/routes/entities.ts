import { type EntityBody, entityEnvelope, idParamsSchema } from '../../contract/index.ts';
import { type Entity, getEntity, getEntityForPartner } from '../../operations/index.ts';
import { defineRoute } from '../route.ts';
import { since } from '../versions/range.ts';

const VERSIONS = since('2025-09-18');

/** What an id stands for. */
export const entityRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/entities/:id',
    versions: VERSIONS,
    operationId: 'entities.get',
    summary: 'Tell what an id stands for',
    params: idParamsSchema,
    response: entityEnvelope,
    handle: async (context, { params }) => ({ data: toEntityBody(await getEntity(context, params.id)) }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/organizations/entities/:id',
    versions: VERSIONS,
    callers: 'partner',
    operationId: 'entities.getForPartner',
    summary: 'Tell what an id stands for, in any organization within reach',
    params: idParamsSchema,
    response: entityEnvelope,
    handle: async (context, { params }) => {
      const entity = await getEntityForPartner(context, params.id);
      return { data: { ...toEntityBody(entity), organization_id: entity.organizationId } };
    },
  }),
];

function toEntityBody({ id, type, path, relationships, schemaIds }: Entity): EntityBody {
  return {
    id,
    type,
    canonical_path: path,
    relationships: { ...relationships },
    context: schemaIds === null ? {} : { schema_ids: schemaIds },
  };
}
