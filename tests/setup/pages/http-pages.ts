import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Connector, createLoneCredit, type MemoryCredit } from '../../../src/connector-kit/index.ts';
import { createRowSource, type PageRequest, type RowSystem } from '../../../src/connector-kit/rows/index.ts';
import type { SchemaDescription } from '../../../src/core/index.ts';

/** An HTTP API that gives one object's records as JSON, page by page. */
export interface PagesServer extends AsyncDisposable {
  readonly url: string;
  /** What it has; as JSON texts, so that a test says every digit. */
  records: string[];
  /** The paths that it was asked for, in order. */
  readonly asked: string[];
}

/** Where the server answers is said by `url`, on this machine only. @param pageSize records of one page */
export async function servePages(records: readonly string[], pageSize = 100): Promise<PagesServer> {
  const asked: string[] = [];
  const state = { records: [...records], asked };
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost');
    asked.push(request.url ?? '');
    const page = Number(searchParams.get('page'));
    const items = state.records.slice(page * pageSize, (page + 1) * pageSize);
    const isLast = (page + 1) * pageSize >= state.records.length;
    response.setHeader('content-type', 'application/json');
    response.end(`{"items":[${items.join(',')}],"next":${isLast ? 'null' : page + 1}}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has such an address.
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** What the author of a connector for such an API writes. */
class PagesSystem implements RowSystem {
  readonly #url: string;
  readonly #schema: SchemaDescription;

  constructor(url: string, schema: SchemaDescription) {
    this.#url = url;
    this.#schema = schema;
  }

  async discover() {
    return [this.#schema];
  }

  async *readPages({ schema, changedSince }: PageRequest, signal: AbortSignal) {
    const since = changedSince === null ? '' : `&${changedSince.field}=${changedSince.value}`;
    for (let page: number | null = 0; page !== null; ) {
      const response: Response = await fetch(`${this.#url}/${schema.id}?page=${page}${since}`, { signal });
      // Our own server's answer.
      const { items, next } = (await response.json()) as { items: Record<string, unknown>[]; next: number | null };
      yield items;
      page = next;
    }
  }
}

/** The connector on a server, by the kit's way for such systems. */
export function connectPages(
  { url }: Pick<PagesServer, 'url'>,
  schema: SchemaDescription,
  credit: MemoryCredit = createLoneCredit(64 * 1024 * 1024),
): Connector {
  return {
    check: async () => {},
    source: createRowSource(new PagesSystem(url, schema), { credit }),
    async [Symbol.asyncDispose]() {},
  };
}
