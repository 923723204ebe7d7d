import net from 'node:net';

// Loaded into a process under test by `--import`: its connections to a port go to another one, as if the machine were
// behind a network of its own. MILLRACE_TEST_REROUTE holds `port=port` pairs.

const routes = new Map(
  (process.env.MILLRACE_TEST_REROUTE ?? '')
    .split(',')
    .filter((pair) => pair.includes('='))
    .map((pair) => {
      const [from, to] = pair.split('=').map(Number);
      return [from, to] as const;
    }),
);

const connect = net.Socket.prototype.connect;
// Node's own overloads; every caller in the product passes an object or a normalized list with one in front.
net.Socket.prototype.connect = function (this: net.Socket, ...given: unknown[]) {
  const options = Array.isArray(given[0]) ? given[0][0] : given[0];
  const port = typeof options === 'object' && options !== null ? Number(options.port) : Number(given[0]);
  const to = routes.get(port);
  if (to === undefined) return Reflect.apply(connect, this, given);
  if (typeof options === 'object' && options !== null) options.port = to;
  else given[0] = to;
  return Reflect.apply(connect, this, given);
} as typeof connect;
