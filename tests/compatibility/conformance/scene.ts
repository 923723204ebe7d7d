import type { ApiVersion } from '../../../src/contract/index.ts';
import { waitFor } from '../../setup/millrace.ts';
import type { Contract } from '../contract.ts';
import { normalize } from '../openapi-comparison.ts';
import type { Answer, Call, Outcome, PlainCall, Transport } from './calls.ts';

/** What the cases find on the server that they call. */
export interface Furniture {
  /** A PostgreSQL with tables `customers`, `orders`, `events` (with JSON) and `notes` (without a key). */
  readonly sourceId: string;
  readonly sourceConfiguration: Readonly<Record<string, unknown>>;
  /** An empty PostgreSQL. */
  readonly destinationId: string;
  /** An HTTP API: the server itself. */
  readonly httpApiId: string;
  readonly organizationId: string;
  readonly userId: string;
}

/** An id of nothing. */
export const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000';

/** One version of the API, called in one way; keeps what came of each call. */
export class Scene {
  readonly version: ApiVersion;
  readonly furniture: Furniture;
  readonly outcomes: Outcome[] = [];
  readonly contract: Contract;
  readonly #transport: Transport;
  /** Where what a case needs is made, in the newest version. */
  readonly #maker: Transport;
  readonly #wider: Contract | null;
  #count = 0;

  /** @param wider the document that writes down what the version's own leaves open; null = there is none */
  constructor(
    version: ApiVersion,
    furniture: Furniture,
    contracts: { readonly own: Contract; readonly wider: Contract | null },
    transports: { readonly tested: Transport; readonly maker: Transport },
  ) {
    this.version = version;
    this.furniture = furniture;
    this.contract = contracts.own;
    this.#wider = contracts.wider;
    this.#transport = transports.tested;
    this.#maker = transports.maker;
  }

  /** A name that nothing has yet. */
  freshName(what: string): string {
    this.#count += 1;
    return `${what} ${this.#count} of ${this.#transport.name} ${this.version}`;
  }

  /** The operation's name in this version; null where it has none of these. */
  find(operation: Call['operation']): string | null {
    const wanted = typeof operation === 'string' ? [operation] : operation;
    for (const name of wanted) {
      const known = [...this.contract.operations.keys()].find((other) => normalize(other) === normalize(name));
      if (known !== undefined) return known;
    }
    return null;
  }

  /** Sends a call where the version has it, and proves the answer. @returns the body; null where it has not, or failed */
  async call(call: Call): Promise<Answer['body']> {
    const operation = this.find(call.operation);
    if (operation === null) return null;
    const wanted = call.status ?? this.#successOf(operation);
    const answer = await this.#send({ ...call, operation });
    const problems = this.#judge({ ...call, operation }, answer, wanted);
    this.outcomes.push({ operation, status: answer.status, problems });
    return problems.length === 0 || answer.status === wanted ? answer.body : null;
  }

  /** Calls again and again until the answer is as wanted; only the last one counts. */
  async until(call: Call, isThere: (body: Answer['body']) => boolean): Promise<Answer['body']> {
    const operation = this.find(call.operation);
    if (operation === null) return null;
    await waitFor(
      async () => {
        const { status, body } = await this.#send({ ...call, operation });
        return status >= 400 || isThere(body) ? true : null;
      },
      AbortSignal.timeout(60_000),
      200,
    );
    return this.call(call);
  }

  /** Makes something that a case needs and does not test. */
  async make(method: string, path: string, body?: unknown, as?: Call['as']): Promise<Answer['body']> {
    const call = { operation: `${method} ${path}`, body, ...(as === undefined ? {} : { as }) };
    const answer = await this.#maker.send(call, '2025-09-18');
    if (answer.status < 300) return answer.body?.data ?? answer.body;
    throw new Error(`${method} ${path} was answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
  }

  async #send(call: PlainCall): Promise<Answer> {
    try {
      return await this.#transport.send(call, this.version);
    } catch (error) {
      return { status: 0, body: { message: error instanceof Error ? error.message : String(error) } };
    }
  }

  /** 202 where the published document says so. */
  #successOf(operation: string): number {
    if (this.#transport.name === 'SDK') return 200;
    const responses = this.contract.operations.get(operation)?.responses;
    return typeof responses === 'object' && responses !== null && '202' in responses ? 202 : 200;
  }

  #judge({ operation }: PlainCall, { status, body }: Answer, wanted: number): string[] {
    if (status !== wanted) return [`answered ${status} and not ${wanted}: ${JSON.stringify(body).slice(0, 400)}`];
    if (body === null || body === '') return [];
    const published = status === 200 ? this.#successStatus(operation) : status;
    const misfits = this.contract.check(operation, published, body).map((misfit) => `misfit:${misfit}`);
    if (status >= 400 && body.status !== status && body.code !== status) misfits.push(`the body says ${body.status}`);
    return [...misfits, ...this.#unknownKeys(operation, published, body).map((key) => `unknown key ${key}`)];
  }

  #successStatus(operation: string): number {
    const responses = this.contract.operations.get(operation)?.responses;
    return typeof responses === 'object' && responses !== null && '202' in responses ? 202 : 200;
  }

  #unknownKeys(operation: string, status: number, body: unknown): string[] {
    const unknown = this.contract.listUnknownKeys(operation, status, body).filter((key) => !isAddition(operation, key));
    const next = this.#wider;
    // Updates were PATCH, and became PUT.
    const wider = [operation, operation.replace(/^PATCH /, 'PUT ')].find((name) => next?.operations.has(name));
    if (unknown.length === 0 || next === null || wider === undefined) return unknown;
    const alsoThen = new Set(next.listUnknownKeys(wider, status, body).filter((key) => !isAddition(wider, key)));
    return unknown.filter((key) => alsoThen.has(key));
  }
}

/** Keys that we answer beyond the published documents; `differences.ts` says why. */
function isAddition(operation: string, key: string): boolean {
  return (
    (/^(POST|PUT) \/api\/connections(\/\{id\})?$/.test(operation) &&
      /^\.data\.(created|updated)_(at|by)(\..*)?$/.test(key)) ||
    (/^(GET|POST|PUT) \/api\/connections/.test(operation) && /\.healthcheck_interval$/.test(key))
  );
}
