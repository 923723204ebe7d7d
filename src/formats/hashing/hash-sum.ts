import type { RangeSum } from '../../core/index.ts';
import { toSumText } from '../range-sum.ts';

/** Below this many records the 32-bit words of a sum stay exact in a double. */
const FOLD_AFTER = 2 ** 20;

/** Adds 128-bit hashes modulo 2^128 without an allocation per record. */
export interface HashSum {
  /** The four 32-bit words of one record's hash, most significant first; their sign does not matter. */
  add(hash: Int32Array): void;
  /** What was added so far. May be asked for at any time. */
  result(): RangeSum;
}

/** An empty sum. */
export function createHashSum(): HashSum {
  const words = new Float64Array(4);
  let folded = 0n;
  let pending = 0;
  let records = 0;

  const fold = () => {
    folded = BigInt.asUintN(128, folded + toNumber(words));
    words.fill(0);
    pending = 0;
  };
  return {
    add(hash) {
      for (let i = 0; i < 4; i++) words[i] = (words[i] ?? 0) + ((hash[i] ?? 0) >>> 0);
      records++;
      if (++pending === FOLD_AFTER) fold();
    },
    result() {
      fold();
      return { records, sum: toSumText(folded) };
    },
  };
}

/** One record's hash as a sum of one. */
export function toSum(hash: Int32Array): RangeSum {
  return { records: 1, sum: toSumText(toNumber(Float64Array.from(hash, (word) => word >>> 0))) };
}

function toNumber(words: Float64Array): bigint {
  return words.reduce((number, word) => (number << 32n) + BigInt(word), 0n);
}
