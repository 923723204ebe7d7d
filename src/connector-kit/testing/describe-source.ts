import { describe, expect, it } from 'vitest';
import { checkFilter, type RangeSum, type RowFilter, type SchemaDescription } from '../../core/index.ts';
import { addSums, createRecordHasher, emptySum } from '../../formats/index.ts';
import type { Connector } from '../connector.ts';
import type { BulkSource, FormatOffer, ReadRequest, SegmentRange } from '../source.ts';

/** A system with one schema of some thousand records in it. */
export interface SourceFixture extends AsyncDisposable {
  readonly connector: Connector;
  /** Another connector on the same system, as a second thread has it. */
  readonly reconnect: () => Promise<Connector>;
  readonly schemaId: string;
  readonly records: number;
  /** Small enough that the schema is cut into several segments. */
  readonly segmentBytes: number;
  /** Changes, adds and removes records of the schema. */
  readonly write: () => Promise<void>;
}

const NEVER = new AbortController().signal;

/**
 * What every bulk source must do, whatever it is.
 * @param hasImage false for a system that gives pages: it has no image of one moment, and a schema is read in one segment
 */
export function describeSource(
  name: string,
  open: () => Promise<SourceFixture>,
  { hasImage }: { readonly hasImage: boolean } = { hasImage: true },
): void {
  describe(`${name} as a bulk source`, () => {
    it('describes its schemas with fields of their own names, and offers a format for all of them', async () => {
      await using fixture = await open();
      const source = sourceOf(fixture.connector);
      const schemas = await source.discover(NEVER);
      expect(new Set(schemas.map(({ id }) => id)).size).toBe(schemas.length);
      for (const { fields, primaryKey } of schemas) {
        const ids = fields.map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids).toEqual(expect.arrayContaining([...primaryKey]));
        for (const offer of source.offer(fields)) expect(offer.fields.map(({ id }) => id)).toEqual(ids);
      }
    });

    it('cuts a schema into segments that hold every record once, and reads each as often as asked', async () => {
      await using reading = await openReading(open);
      if (hasImage) expect(reading.ranges.length).toBeGreaterThan(1);
      else expect(reading.ranges).toHaveLength(1);
      for (const offer of reading.offers) {
        const first = await reading.sumOf(offer);
        expect(first.records).toBe(reading.fixture.records);
        expect(await reading.sumOf(offer)).toEqual(first);
      }
    });

    it('reads the records that pass all filters, each in one segment, and finds nothing where none does', async () => {
      await using reading = await openReading(open);
      const [value, otherValues, noValue] = await drawFilters(sourceOf(reading.fixture.connector), reading.schema);
      const count = async (filters: readonly RowFilter[]) => {
        await using filtered = await openReading(() => Promise.resolve({ ...reading.fixture, ...KEPT }), filters);
        const sums = await Promise.all(filtered.offers.map((offer) => filtered.sumOf(offer)));
        return sums.map(({ records }) => records);
      };
      const counts = [await count([value]), await count([otherValues]), await count([noValue])];
      for (const [index] of reading.offers.entries()) {
        const [equal = 0, unequal = 0, absent = 0] = counts.map((ofOffers) => ofOffers[index] ?? 0);
        expect(equal).toBeGreaterThan(0);
        expect(unequal).toBeGreaterThan(0);
        expect(equal + unequal + absent).toBe(reading.fixture.records);
      }
      expect(await count([value, noValue])).toEqual(reading.offers.map(() => 0));
    });

    it('gives the whole segment again after a reader stopped early', async () => {
      await using reading = await openReading(open);
      const [offer] = reading.offers;
      if (offer === undefined) throw new Error('nothing is offered');
      for await (const _ of reading.read(offer, reading.ranges[0])) break;
      expect((await reading.sumOf(offer)).records).toBe(reading.fixture.records);
    });

    it('stops when it is told to', async () => {
      await using reading = await openReading(open);
      const [offer] = reading.offers;
      const abort = new AbortController();
      const readOn = async () => {
        for await (const _ of reading.read(offer, reading.ranges[0], abort.signal)) abort.abort(new Error('stop'));
        abort.signal.throwIfAborted();
      };
      await expect(readOn()).rejects.toThrow('stop');
    });

    if (hasImage) describeImage(open);
  });
}

/** Of systems whose image of one moment can be held. */
function describeImage(open: () => Promise<SourceFixture>): void {
  it('reads the image of the snapshot in every thread, whatever is written meanwhile', async () => {
    await using reading = await openReading(open);
    const [offer] = reading.offers;
    if (offer === undefined) throw new Error('nothing is offered');
    const before = await reading.sumOf(offer);
    await reading.fixture.write();
    await using other = await reading.fixture.reconnect();
    expect(await reading.sumOf(offer, sourceOf(other))).toEqual(before);
  });

  it('says that the snapshot is lost when its holder has ended', async () => {
    await using reading = await openReading(open);
    await reading.snapshot[Symbol.asyncDispose]();
    await using other = await reading.fixture.reconnect();
    const [offer] = reading.offers;
    if (offer === undefined) throw new Error('nothing is offered');
    await expect(reading.sumOf(offer, sourceOf(other))).rejects.toMatchObject({ code: 'SNAPSHOT_LOST' });
  });
}

function sourceOf(connector: Connector): BulkSource {
  if (connector.source === undefined) throw new Error('the connector is no source');
  return connector.source;
}

/** A fixture that somebody else disposes of. */
const KEPT = { [Symbol.asyncDispose]: () => Promise.resolve() };

/** Three filters of which every record passes exactly one; some records pass the first. */
async function drawFilters(
  source: BulkSource,
  schema: SchemaDescription,
): Promise<readonly [RowFilter, RowFilter, RowFilter]> {
  const [record] = await source.sample(schema.id, 1, NEVER);
  for (const { id: field, ...described } of schema.fields) {
    const equal: RowFilter = { field, function: 'Equality', value: record?.[field] };
    if (checkFilter(described, equal) === null)
      return [equal, { ...equal, function: 'Inequality' }, { field, function: 'IsNull', value: null }];
  }
  throw new Error(`${schema.id} has no field with a value to filter by`);
}

async function openReading(open: () => Promise<SourceFixture>, filters: readonly RowFilter[] = []) {
  const fixture = await open();
  const source = sourceOf(fixture.connector);
  const schema = (await source.discover(NEVER)).find(({ id }) => id === fixture.schemaId);
  if (schema === undefined) throw new Error(`${fixture.schemaId} was not discovered`);
  const snapshot = await source.openSnapshot(NEVER);
  const ranges = await source.planSegments(
    { schema, snapshot, segmentBytes: fixture.segmentBytes, from: null, filters },
    NEVER,
  );
  const read = (offer: FormatOffer | undefined, range: SegmentRange | undefined, signal = NEVER, by = source) =>
    readRange(by, { schema, offer, range, snapshot, filters }, signal);
  return {
    fixture,
    schema,
    snapshot,
    ranges,
    offers: source.offer(schema.fields),
    read,
    /** Of all segments. */
    async sumOf(offer: FormatOffer, by = source): Promise<RangeSum> {
      const hashing = offer.format === 'csv' ? 'canonical' : 'native:pgcopy-binary';
      let sum = emptySum(false);
      for (const range of ranges) {
        const hasher = createRecordHasher(
          hashing,
          offer.fields.map(({ logicalType }) => logicalType),
        );
        for await (const { chunk } of read(offer, range, NEVER, by)) hasher.add(chunk);
        sum = addSums(sum, hasher.result());
      }
      return sum;
    },
    async [Symbol.asyncDispose]() {
      await snapshot[Symbol.asyncDispose]();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

function readRange(
  source: BulkSource,
  request: Pick<ReadRequest, 'schema' | 'snapshot' | 'filters'> & {
    readonly offer: FormatOffer | undefined;
    readonly range: SegmentRange | undefined;
  },
  signal: AbortSignal,
) {
  const { schema, snapshot, filters, offer, range } = request;
  if (offer === undefined || range === undefined) throw new Error('there is nothing to read');
  return source.read(
    { schema, format: offer.format, fields: offer.fields, range, snapshot, from: null, filters },
    signal,
  );
}
