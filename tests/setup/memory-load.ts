import type {
  Load,
  LoadPlan,
  PublishCounts,
  SegmentId,
  SegmentOutcome,
  SegmentRange,
  SegmentWriter,
} from '../../src/connector-kit/index.ts';
import { type RangeSum, SyncError } from '../../src/core/index.ts';
import { type Chunk, createRecordHasher, emptySum } from '../../src/formats/index.ts';

/** Records of `id,name` in the format `csv`, one line each. */
export function csvChunk(lines: readonly string[]): Chunk {
  const payload = Uint8Array.from(Buffer.from(lines.join('')));
  const ends = new Uint32Array(lines.length);
  let end = 0;
  for (const [index, line] of lines.entries()) {
    end += Buffer.byteLength(line);
    ends[index] = end;
  }
  return { format: 'csv', payload, ends };
}

/** The lines of a chunk again. */
function linesOf({ payload, ends }: Chunk): string[] {
  return [...ends].map((end, index) =>
    Buffer.from(payload.subarray(index === 0 ? 0 : ends[index - 1], end)).toString(),
  );
}

/** The sum of such records as both sides must find it. */
export function sumOfLines(lines: readonly string[], countsOnly = false): RangeSum {
  if (countsOnly) return { records: lines.length, sum: null };
  const hasher = createRecordHasher(
    'canonical',
    LOAD_PLAN.columns.map((column) => column.logicalType),
  );
  if (lines.length > 0) hasher.add(csvChunk(lines));
  return hasher.result();
}

/** A load of `id,name` by the key `id`. */
export const LOAD_PLAN: LoadPlan = {
  syncId: 'sync',
  schemaId: 'public.people',
  executionId: 'execution',
  generation: 1,
  kind: 'replace',
  replacement: 'auto',
  table: { schema: 'public', name: 'people' },
  columns: [
    { field: 'id', name: 'id', type: 'bigint', logicalType: { kind: 'integer', bits: 64 }, isKey: true },
    { field: 'name', name: 'name', type: 'text', logicalType: { kind: 'text' }, isKey: false },
  ],
  format: 'csv',
  hashing: 'canonical',
  recordTimestamps: false,
  tombstones: false,
  columnPrefix: '__millrace_',
  stampedAt: '2026-01-01T00:00:00.000Z',
  adopt: false,
};

/**
 * A destination that keeps its lines in memory and follows the contract of `Load`: nothing of a segment is there before
 * its commit, a repeated publication answers the first one's counts. Fields may be changed in the middle of a test.
 */
export class MemoryLoad implements Load {
  /** What was asked of it, in order. */
  readonly calls: string[] = [];
  readonly committed = new Map<number, { readonly lines: readonly string[]; readonly outcome: SegmentOutcome }>();
  live: string[] = [];
  publication: PublishCounts | null = null;
  /** Segments that are open: neither committed nor disposed of. */
  open = 0;
  /** Refuses a line with this reason; null takes it. */
  refuse: (line: string) => string | null = () => null;
  /** Called before each write, to fail or to wait there. */
  beforeWrite: (lines: readonly string[]) => Promise<void> = async () => {};

  async prepare(): Promise<void> {
    this.calls.push('prepare');
  }

  async beginSegment(segment: SegmentId, { isolate }: { readonly isolate: boolean }): Promise<SegmentWriter> {
    this.calls.push(`begin ${segment.no} by ${segment.token}${isolate ? ', isolated' : ''}`);
    this.open += 1;
    return this.#writer(segment, isolate);
  }

  async lookup(segment: SegmentId): ReturnType<Load['lookup']> {
    this.calls.push(`lookup ${segment.no}`);
    const found = this.committed.get(segment.no);
    return found === undefined ? { state: 'absent' } : { state: 'committed', outcome: found.outcome };
  }

  async seal(): Promise<void> {
    this.calls.push('seal');
  }

  async digest(range: SegmentRange | null, countsOnly: boolean): Promise<RangeSum> {
    this.calls.push(`digest ${range?.text ?? 'all'}`);
    const lines = this.publication === null ? [...this.committed.values()].flatMap((part) => part.lines) : this.live;
    return sumOfLines(
      lines.filter((line) => isWithin(line, range)),
      countsOnly,
    );
  }

  async published(): Promise<PublishCounts | null> {
    return this.publication;
  }

  async publish(): Promise<PublishCounts> {
    this.calls.push('publish');
    this.live = [...this.committed.values()].flatMap((part) => part.lines);
    this.publication = {
      inserted: this.live.length,
      updated: 0,
      unchanged: 0,
      deleted: 0,
      rejects: [],
      rejected: emptySum(false),
    };
    return this.publication;
  }

  async discard(): Promise<void> {
    this.calls.push('discard');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.calls.push('close');
  }

  #writer(segment: SegmentId, isolate: boolean): SegmentWriter {
    const lines: string[] = [];
    let isOpen = true;
    const end = () => {
      if (isOpen) this.open -= 1;
      isOpen = false;
    };
    return {
      write: async (chunk) => {
        const arrived = linesOf(chunk);
        await this.beforeWrite(arrived);
        const refused = arrived.flatMap((line, index) => {
          const reason = this.refuse(line);
          return reason === null ? [] : [{ index, reason }];
        });
        if (refused.length > 0 && !isolate) throw new SyncError('RECORD_REFUSED', 'A record was refused.');
        lines.push(...arrived.filter((line) => this.refuse(line) === null));
        return refused;
      },
      commit: async (outcome) => {
        this.calls.push(`commit ${segment.no}`);
        this.committed.set(segment.no, { lines: [...lines], outcome });
        end();
      },
      [Symbol.asyncDispose]: async () => {
        if (isOpen) this.calls.push(`abandon ${segment.no}`);
        end();
      },
    };
  }
}

function isWithin(line: string, range: SegmentRange | null): boolean {
  if (range?.key === undefined) return true;
  const id = Number(line.split(',')[0]);
  const { from, to } = range.key;
  return (from === null || id >= Number(from)) && (to === null || id < Number(to));
}
