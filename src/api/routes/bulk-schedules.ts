import { z } from 'zod';
import {
  envelope,
  idParamsSchema,
  scheduleParamsSchema,
  singleScheduleRequestSchema,
  singleScheduleSchema,
} from '../../contract/index.ts';
import { createSchedule, deleteSchedule, getSchedule, listSchedules, updateSchedule } from '../../operations/index.ts';
import { defineRoute } from '../route.ts';
import { since } from '../versions/range.ts';
import { toScheduleSettings, toSingleScheduleBody } from '../views/schedules.ts';

const VERSIONS = since('2024-02-08');

/** The schedules of bulk syncs, one at a time. */
export const bulkScheduleRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id/schedules',
    versions: VERSIONS,
    operationId: 'bulkSync.schedules.list',
    summary: 'List the schedules of a bulk sync, the default one first',
    params: idParamsSchema,
    response: envelope(z.array(singleScheduleSchema)),
    handle: async (context, { params }) => ({
      data: (await listSchedules(context, params.id)).map(toSingleScheduleBody),
    }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/bulk/syncs/:id/schedules',
    versions: VERSIONS,
    operationId: 'bulkSync.schedules.create',
    summary: 'Add a schedule to a bulk sync',
    params: idParamsSchema,
    body: singleScheduleRequestSchema,
    response: envelope(singleScheduleSchema),
    handle: async (context, { params, body }) => ({
      data: toSingleScheduleBody(await createSchedule(context, params.id, toScheduleSettings(body))),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id/schedules/:schedule_id',
    versions: VERSIONS,
    operationId: 'bulkSync.schedules.get',
    summary: 'Get one schedule of a bulk sync',
    params: scheduleParamsSchema,
    response: envelope(singleScheduleSchema),
    handle: async (context, { params }) => ({
      data: toSingleScheduleBody(await getSchedule(context, params.id, params.schedule_id)),
    }),
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/bulk/syncs/:id/schedules/:schedule_id',
    versions: VERSIONS,
    operationId: 'bulkSync.schedules.update',
    summary: 'Replace the times and the selective mode of a schedule; what runs goes on',
    params: scheduleParamsSchema,
    body: singleScheduleRequestSchema,
    response: envelope(singleScheduleSchema),
    handle: async (context, { params, body }) => ({
      data: toSingleScheduleBody(
        await updateSchedule(context, params.id, params.schedule_id, toScheduleSettings(body)),
      ),
    }),
  }),
  defineRoute({
    method: 'DELETE',
    url: '/api/bulk/syncs/:id/schedules/:schedule_id',
    versions: VERSIONS,
    operationId: 'bulkSync.schedules.delete',
    summary: 'Delete an additional schedule; what it started goes on',
    params: scheduleParamsSchema,
    handle: async (context, { params }) => {
      await deleteSchedule(context, params.id, params.schedule_id);
      return undefined;
    },
  }),
];
