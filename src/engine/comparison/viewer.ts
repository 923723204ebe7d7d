import type { LoadPlan } from '../../connector-kit/index.ts';
import { type RangeSum, SyncError } from '../../core/index.ts';
import {
  addToBucket,
  type BucketSums,
  bucketOf,
  type Chunk,
  createBucketSums,
  createRecordHasher,
  createRecordPrints,
  emptySum,
  readKey,
  toHashText,
} from '../../formats/index.ts';
import type { Look, PrintedRecord, Question } from './question.ts';

/** Beyond this a list would fill the memory of both threads; who asks sees to it that it is never reached. */
const MAX_LISTED = 500_000;

/** Takes the records of one side and answers one question about them. */
export interface Viewer {
  add(chunk: Chunk): void;
  result(): Look;
}

/** A viewer for records of this plan. */
export function openViewer(load: LoadPlan, question: Question): Viewer {
  const tally = new Tally();
  const look = (parts: Partial<Pick<Look, 'buckets' | 'records' | 'sum'>>): Look => ({
    sum: { records: tally.records, sum: null },
    bytes: tally.bytes,
    buckets: null,
    records: [],
    ...parts,
  });
  const viewer = viewerOf(load, question);
  return {
    add(chunk) {
      tally.add(chunk);
      viewer.add(chunk);
    },
    result: () => look(viewer.parts()),
  };
}

class Tally {
  records = 0;
  bytes = 0;

  add({ ends, payload }: Chunk): void {
    this.records += ends.length;
    this.bytes += payload.byteLength;
  }
}

interface Parts {
  add(chunk: Chunk): void;
  parts(): { readonly sum?: RangeSum; readonly buckets?: BucketSums; readonly records?: readonly PrintedRecord[] };
}

function viewerOf(load: LoadPlan, question: Question): Parts {
  if (question.what === 'sum') return question.countsOnly ? countOnly() : sumUp(load);
  return question.what === 'buckets' ? fillBuckets(load) : listRecords(load, question.wanted);
}

function countOnly(): Parts {
  return { add: () => {}, parts: () => ({}) };
}

function sumUp(load: LoadPlan): Parts {
  const hasher = createRecordHasher(load.hashing, typesOf(load));
  let isEmpty = true;
  return {
    add(chunk) {
      isEmpty = false;
      hasher.add(chunk);
    },
    parts: () => ({ sum: isEmpty ? emptySum(false) : hasher.result() }),
  };
}

function fillBuckets(load: LoadPlan): Parts {
  const prints = printsOf(load);
  const buckets = createBucketSums();
  return {
    add: (chunk) => prints.each(chunk, (_, key, hash) => addToBucket(buckets, key, hash)),
    parts: () => ({ buckets }),
  };
}

function listRecords(load: LoadPlan, wanted: Uint8Array): Parts {
  const prints = printsOf(load);
  const fields = load.columns.flatMap(({ isKey, field, logicalType }, position) =>
    isKey ? [{ position, id: field, logicalType }] : [],
  );
  const records: PrintedRecord[] = [];
  return {
    add: (chunk) =>
      prints.each(chunk, (index, key, hash) => {
        if (wanted[bucketOf(key)] !== 1) return;
        if (records.length >= MAX_LISTED)
          throw new SyncError(
            'INTERNAL',
            `Asked to list more than ${MAX_LISTED} records of ${load.schemaId}. Report it.`,
          );
        records.push({
          keyHash: toHashText(key),
          hash: toHashText(hash),
          key: fields.length === 0 ? null : readKey(chunk, index, fields),
        });
      }),
    parts: () => ({ records }),
  };
}

function printsOf(load: LoadPlan) {
  const keys = load.columns.flatMap(({ isKey }, position) => (isKey ? [position] : []));
  return createRecordPrints(load.hashing, typesOf(load), keys);
}

function typesOf({ columns }: LoadPlan) {
  return columns.map(({ logicalType }) => logicalType);
}
