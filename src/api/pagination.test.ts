import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fromPageToken, microsecondsSchema, toPagination } from './pagination.ts';

const positionSchema = z.object({ time: microsecondsSchema });
const position = { time: '1700000000000001' };

describe('page tokens', () => {
  it('lead back to the position they were made of', () => {
    const { next_page_token: token } = toPagination({ list: 'syncs', active: true }, position);
    expect(fromPageToken({ active: true, list: 'syncs' }, token, positionSchema)).toEqual(position);
  });

  it('are absent at the end, and no token is the beginning', () => {
    expect(toPagination({ list: 'syncs' }, null)).toEqual({});
    expect(fromPageToken({ list: 'syncs' }, undefined, positionSchema)).toBeNull();
    expect(fromPageToken({ list: 'syncs' }, '', positionSchema)).toBeNull();
  });

  it('are refused in a list with other filters', () => {
    const { next_page_token: token } = toPagination({ list: 'syncs', active: true }, position);
    expect(() => fromPageToken({ list: 'syncs', active: null }, token, positionSchema)).toThrow(/other filters/);
  });

  it.each([
    ['no base64 of JSON', 'nonsense'],
    ['another shape', Buffer.from('{"list":"[]"}').toString('base64url')],
    ['a time that is none', Buffer.from('{"list":"[]","position":{"time":"yesterday"}}').toString('base64url')],
  ])('are refused when they hold %s', (_what, token) => {
    expect(() => fromPageToken({}, token, positionSchema)).toThrow(/`page_token`/);
  });
});
