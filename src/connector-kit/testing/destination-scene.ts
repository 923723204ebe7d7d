import type { RangeSum } from '../../core/index.ts';
import { createRecordHasher, subtractSums, WIRE_FORMATS } from '../../formats/index.ts';
import type { Connector } from '../connector.ts';
import type { Load, LoadPlan, PublishCounts, SegmentOutcome } from '../load.ts';
import { encodeRecords, offerRecords, type TestRecord, toColumns } from './records.ts';

/** An empty system of its own for one test. */
export interface DestinationFixture extends AsyncDisposable {
  readonly connector: Connector;
  /** Another connector on the same system, as a second process has it, whose failpoints are heard. */
  readonly reconnect: (failpoint: (name: string) => void) => Promise<Connector>;
}

const NEVER = new AbortController().signal;

interface SceneOptions {
  readonly isKeyed?: boolean;
  readonly tombstones?: boolean;
}

interface RunOptions {
  readonly maxLossPercent?: number;
  readonly syncId?: string;
  readonly removals?: NonNullable<LoadPlan['removals']>;
}

/** A scene on a new system. */
export async function openScene(
  open: () => Promise<DestinationFixture>,
  options: SceneOptions = {},
): Promise<DestinationScene> {
  return new DestinationScene(await open(), options);
}

/** One sync of one schema into an empty system; each load is a new generation. */
export class DestinationScene implements AsyncDisposable {
  readonly #fixture: DestinationFixture;
  readonly #options: SceneOptions;
  readonly #others: Connector[] = [];
  #plan: LoadPlan | null = null;
  #generation = 0;

  constructor(fixture: DestinationFixture, options: SceneOptions) {
    this.#fixture = fixture;
    this.#options = options;
  }

  /** The newest plan's load, prepared. */
  async begin(kind: LoadPlan['kind'], { syncId = 'sync', removals }: RunOptions = {}): Promise<Load> {
    this.#generation += 1;
    this.#plan = { ...this.#createPlan(kind, syncId), ...(removals === undefined ? {} : { removals }) };
    const load = await this.#open(this.#fixture.connector);
    await load.prepare(NEVER);
    return load;
  }

  /** The newest plan's load in another process, which dies at a failpoint. */
  async dieAt(point: string): Promise<Load> {
    const connector = await this.#fixture.reconnect((name) => {
      if (name === point) throw new Error('killed');
    });
    this.#others.push(connector);
    return this.#open(connector);
  }

  encode(records: readonly TestRecord[]) {
    return encodeRecords(this.#current.format, records);
  }

  async writeSegment(load: Load, no: number, records: readonly TestRecord[], token = 1): Promise<SegmentOutcome> {
    await using writer = await load.beginSegment({ no, token }, { isolate: false }, NEVER);
    const hasher = this.#createHasher();
    const chunk = this.encode(records);
    hasher.add(chunk);
    const bytesRead = chunk.payload.byteLength;
    if (chunk.ends.length > 0) await writer.write(chunk, NEVER);
    const outcome = { recordsRead: records.length, bytesRead, source: hasher.result(), rejects: [] };
    await writer.commit(outcome, NEVER);
    return outcome;
  }

  /** A whole load in two segments. `before` and `after`: what the destination holds before and after its publication. */
  async run(
    kind: LoadPlan['kind'],
    records: readonly TestRecord[],
    options: RunOptions = {},
  ): Promise<{ counts: PublishCounts; written: RangeSum; before: RangeSum | null; after: RangeSum | null }> {
    const load = await this.begin(kind, options);
    const hasher = this.#createHasher();
    hasher.add(this.encode(records));
    const half = Math.ceil(records.length / 2);
    await this.writeSegment(load, 0, records.slice(0, half));
    await this.writeSegment(load, 1, records.slice(half));
    await load.seal(NEVER);
    const before = kind === 'replace' ? await load.digest(null, false, NEVER) : null;
    const counts = await load.publish({ maxLossPercent: options.maxLossPercent ?? 100 }, NEVER);
    const after = kind === 'replace' ? null : await load.digest(null, false, NEVER);
    await load.discard(NEVER);
    return { counts, written: subtractSums(hasher.result(), counts.rejected), before, after };
  }

  /** The table as a comparison sees it: by the system's own digest, and by the records that it sends. */
  async readImage(): Promise<{ readonly digest: RangeSum; readonly read: RangeSum }> {
    const image = await this.#fixture.connector.destination?.openImage?.(this.#current, NEVER);
    if (image === undefined) throw new Error('the destination has no image');
    await using open = image;
    const digest = await open.digest(null, false, NEVER);
    const hasher = this.#createHasher();
    for await (const { chunk } of open.read(null, NEVER)) hasher.add(chunk);
    return { digest, read: hasher.result() };
  }

  sumOf(records: readonly TestRecord[]): RangeSum {
    const hasher = this.#createHasher();
    hasher.add(this.encode(records));
    return hasher.result();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connector of this.#others) await connector[Symbol.asyncDispose]();
    await this.#fixture[Symbol.asyncDispose]();
  }

  get #current(): LoadPlan {
    if (this.#plan === null) throw new Error('no load has begun');
    return this.#plan;
  }

  async #open(connector: Connector): Promise<Load> {
    if (connector.destination === undefined) throw new Error('the connector is no destination');
    return connector.destination.open(this.#current, NEVER);
  }

  #createHasher() {
    return createRecordHasher(
      this.#current.hashing,
      this.#current.columns.map(({ logicalType }) => logicalType),
    );
  }

  #createPlan(kind: LoadPlan['kind'], syncId: string): LoadPlan {
    const { destination } = this.#fixture.connector;
    const choices = WIRE_FORMATS.flatMap((format) => {
      const offer = offerRecords(format);
      const acceptance = destination?.accept(offer);
      return acceptance == null ? [] : [{ offer, acceptance }];
    });
    const [choice] = choices.toSorted((a, b) => a.acceptance.cost - b.acceptance.cost);
    if (choice === undefined) throw new Error('the destination takes no format');
    const isKeyed = this.#options.isKeyed ?? true;
    return {
      syncId,
      schemaId: 'public.notes',
      executionId: 'execution',
      generation: this.#generation,
      kind,
      replacement: 'auto',
      table: { schema: destination?.defaultSchema ?? '', name: 'notes' },
      columns: toColumns(choice.offer, choice.acceptance.columns, isKeyed),
      format: choice.acceptance.format,
      hashing: choice.acceptance.hashing,
      recordTimestamps: true,
      tombstones: isKeyed && (this.#options.tombstones ?? true),
      columnPrefix: '__millrace_',
      stampedAt: '2026-01-02T03:04:05.000Z',
      adopt: false,
    };
  }
}
