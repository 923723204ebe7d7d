import type { BulkDestination, BulkSource, TableImage } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import { openChanges } from '../pipeline/change-records.ts';
import type { ImageJob, LookAtImageJob, LookAtSourceJob, Progress } from '../pipeline/jobs.ts';
import type { Look } from './question.ts';
import { openViewer } from './viewer.ts';

/** Reads a segment of the source as a load would get it, and answers what was asked of it. */
export async function lookAtSource(
  job: LookAtSourceJob,
  source: Pick<BulkSource, 'read'>,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Look> {
  const change = openChanges(job);
  const viewer = openViewer(job.load, job.question);
  let records = 0;
  let bytes = 0;
  for await (const { chunk } of source.read(job.read, signal)) {
    signal.throwIfAborted();
    const seen = change(chunk);
    viewer.add(seen);
    records += seen.ends.length;
    bytes += seen.payload.byteLength;
    onProgress({ records, bytes });
  }
  return viewer.result();
}

/** The images that a thread holds for others. */
export class HeldImages {
  readonly #held = new Map<string, { readonly holder: string; readonly image: TableImage }>();

  /** @throws `OPTION_NOT_AVAILABLE` when the destination cannot be compared */
  async answer(job: ImageJob, destination: BulkDestination, signal: AbortSignal): Promise<unknown> {
    switch (job.kind) {
      case 'openImage': {
        await this.#close(job.image);
        const image = await destination.openImage?.(job.load, signal);
        if (image === undefined) throw incomparable(job.destination.type);
        this.#held.set(job.image, { holder: job.destination.holder, image });
        return image.notes;
      }
      case 'lookAtImage':
        return lookAtImage(this.#find(job.image), job, signal);
      case 'closeImage':
        return this.#close(job.image);
    }
  }

  async release(holder: string): Promise<void> {
    for (const [image, entry] of this.#held) if (entry.holder === holder) await this.#close(image);
  }

  #find(image: string): TableImage {
    const found = this.#held.get(image);
    // Whoever held it has ended; the comparison begins anew.
    if (found === undefined)
      throw new SyncError(
        'CONN_LOST',
        'The image of the destination ended with the thread that held it. It is tried again.',
      );
    return found.image;
  }

  async #close(image: string): Promise<void> {
    const found = this.#held.get(image);
    this.#held.delete(image);
    await found?.image[Symbol.asyncDispose]();
  }
}

async function lookAtImage(
  image: TableImage,
  { load, range, question }: LookAtImageJob,
  signal: AbortSignal,
): Promise<Look> {
  // The system may hash by itself, faster than by sending records.
  if (question.what === 'sum')
    return { sum: await image.digest(range, question.countsOnly, signal), bytes: 0, buckets: null, records: [] };
  const viewer = openViewer(load, question);
  for await (const { chunk } of image.read(range, signal)) {
    signal.throwIfAborted();
    viewer.add(chunk);
  }
  return viewer.result();
}

function incomparable(type: string): SyncError {
  return new SyncError(
    'OPTION_NOT_AVAILABLE',
    `Destinations of type ${type} cannot be compared record by record. Choose another receipt depth.`,
  );
}
