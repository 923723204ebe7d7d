import {
  creationPropertyEnvelope,
  creationPropertyParamsSchema,
  idParamsSchema,
  targetFieldsEnvelope,
  targetFieldsQuerySchema,
  targetObjectsEnvelope,
  targetObjectsQuerySchema,
} from '../../contract/index.ts';
import { getCreationProperty, getTargetFields, listTargetObjects } from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';
import { toPropertyBody, toTargetFieldsBody, toTargetObjectBody } from '../views/model-targets.ts';

const VERSIONS = since('2024-02-08');

/** Objects that a model sync could write. */
export const modelTargetRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/modelsync/targetobjects',
    versions: VERSIONS,
    operationId: 'modelSync.targets.list',
    summary: 'List the objects that a model sync could write',
    params: idParamsSchema,
    query: targetObjectsQuerySchema,
    response: targetObjectsEnvelope,
    handle: async (context, { params, query }) => {
      const { objects, creation } = await listTargetObjects(context, params.id);
      const properties = creation ?? [];
      return {
        data: objects.map(toTargetObjectBody),
        target_creation: {
          supported: creation !== null,
          properties: properties.map((property) => toPropertyBody(property, query.include_target_creation_values)),
        },
      };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/modelsync/targetobjects/properties/:property',
    versions: VERSIONS,
    operationId: 'modelSync.targets.getCreateProperty',
    summary: 'Get the values of one property asked for when a target is created',
    params: creationPropertyParamsSchema,
    response: creationPropertyEnvelope,
    handle: async (context, { params }) => ({
      data: toPropertyBody(await getCreationProperty(context, params.id, params.property), true),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/modelsync/target/fields',
    versions: VERSIONS,
    operationId: 'modelSync.targets.getTargetFields',
    summary: 'List the fields of an object that a model sync could write, as they are now',
    params: idParamsSchema,
    query: targetFieldsQuerySchema,
    response: targetFieldsEnvelope,
    handle: async (context, { params, query }) => ({
      data: toTargetFieldsBody(await getTargetFields(context, params.id, query.target)),
    }),
  }),
];
