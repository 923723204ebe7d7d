import { z } from 'zod';
import { envelope, modelSchema } from '../../../contract/index.ts';
import { listAllModels } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { toModelBody } from '../../views/models.ts';

/** Models, which come in one list. */
export const modelRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/models',
    versions: ['2024-02-08'],
    operationId: 'models.list',
    summary: 'List all models, latest change first',
    response: envelope(z.array(modelSchema)),
    handle: async (context) => ({ data: (await listAllModels(context)).map(toModelBody) }),
  }),
];
