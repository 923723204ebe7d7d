// The options of curl that the documentation uses, so that its examples run where no curl is. Any other option is an error.
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: {
    silent: { type: 'boolean', short: 's' },
    request: { type: 'string', short: 'X' },
    header: { type: 'string', short: 'H', multiple: true },
    user: { type: 'string', short: 'u' },
    data: { type: 'string', short: 'd' },
  },
  allowPositionals: true,
});
const [url, ...more] = positionals;
if (url === undefined || more.length > 0) throw new Error(`curl was given ${positionals.length} addresses`);
const headers = new Headers();
for (const header of values.header ?? []) {
  const [name = '', ...value] = header.split(':');
  headers.set(name, value.join(':').trim());
}
if (values.user !== undefined) headers.set('authorization', `Basic ${Buffer.from(values.user).toString('base64')}`);
const answer = await fetch(url, {
  method: values.request ?? (values.data === undefined ? 'GET' : 'POST'),
  headers,
  ...(values.data === undefined ? {} : { body: values.data }),
});
const text = await answer.text();
process.stdout.write(text);
// Unlike curl's default: an example that is refused is a wrong example.
if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`);
