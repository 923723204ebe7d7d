import { z } from 'zod';
import type { HttpAccess, NamedValue } from '../../connector-kit/index.ts';
import { findPathFault } from '../../connector-kit/net/index.ts';

/** Settings of an HTTP API. */
export type ApiConfig = z.infer<typeof apiConfig>;

const MAX_VALUE = 4096;
/** What belongs to one hop, or follows from the request itself. */
const NOT_SET = /^(host|connection|keep-alive|content-length|transfer-encoding|te|trailer|upgrade|expect|proxy-.*)$/i;

const secret = (description: string) =>
  z.string().max(MAX_VALUE).meta({ description, format: 'password', writeOnly: true });

const headerName = z
  .string()
  .regex(/^[\w!#$%&'*+.^`|~-]{1,256}$/, 'must be the name of a header')
  .refine((name) => !NOT_SET.test(name), 'is a header that follows from the request itself');
const headerValue = (description: string) =>
  secret(description).regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'must be one line of Latin letters');
const parameterName = z.string().min(1).max(256);

const header = z.strictObject({ name: headerName, value: headerValue('Value of the header.') });
const parameter = z.strictObject({ name: parameterName, value: secret('Value of the parameter.') });

const auth = z.strictObject({
  basic: z
    .strictObject({ username: z.string().max(MAX_VALUE), password: secret('Password.') })
    .optional()
    .describe('User name and password, as HTTP has it.'),
  header: header.optional().describe('A header with a key, such as `Authorization`.'),
  query: z.array(parameter).max(20).optional().describe('Parameters of the query that hold a key.'),
});

/** @see docs/connectors/api.md for what users read about each field */
export const apiConfig = z
  .strictObject({
    url: z
      .string()
      .max(2048)
      .refine(isBaseUrl, 'must be an address such as https://api.example.com/v1, without user name, query and fragment')
      .describe('Base URL: every request goes to it, or below.'),
    headers: z.array(header).max(50).optional().describe('Headers of every request.'),
    parameters: z.array(parameter).max(50).optional().describe('Parameters in the query of every request.'),
    auth: auth.optional().describe('How requests prove who they come from.'),
    healthcheck: z
      .string()
      .max(2048)
      .superRefine((path, context) => {
        const fault = path === '' ? null : findPathFault(path);
        if (fault !== null) context.addIssue({ code: 'custom', message: fault });
      })
      .optional()
      .describe('Path that is asked to see whether all is well. Without it the connection is not checked.'),
  })
  .superRefine((config, context) => {
    for (const [kind, names] of [
      ['header', toHeaders(config).map(({ name }) => name.toLowerCase())],
      ['query', toQuery(config).map(({ name }) => name)],
    ] as const) {
      const twice = names.find((name, index) => names.indexOf(name) !== index);
      if (twice !== undefined)
        context.addIssue({ code: 'custom', path: ['auth', kind], message: `"${twice}" is given twice` });
    }
  });

function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '' && !/[?#\\\s]/.test(text);
}

/** What every request to the API carries. Pure. */
export function toHttpAccess(config: ApiConfig): HttpAccess {
  return { baseUrl: config.url, headers: toHeaders(config), query: toQuery(config) };
}

function toHeaders({ headers = [], auth: given = {} }: ApiConfig): NamedValue[] {
  const { basic } = given;
  const token = basic === undefined ? '' : Buffer.from(`${basic.username}:${basic.password}`).toString('base64');
  return [
    ...headers,
    ...(basic === undefined ? [] : [{ name: 'Authorization', value: `Basic ${token}` }]),
    ...(given.header === undefined ? [] : [given.header]),
  ];
}

function toQuery({ parameters = [], auth: given = {} }: ApiConfig): NamedValue[] {
  return [...parameters, ...(given.query ?? [])];
}
