import { MessageChannel, type MessagePort, type Transferable, Worker } from 'node:worker_threads';
import type { CreditPool } from '../../connector-kit/index.ts';
import { deserializeError, SyncError } from '../../core/index.ts';
import {
  type FromThread,
  type ImageJob,
  type Job,
  type JobResults,
  type Progress,
  type SegmentJob,
  specsOf,
  type ToThread,
} from './jobs.ts';

/** A thread without work or open connections ends after this time, so that idle memory is given back; to start one costs half a CPU second. */
const IDLE_MS = 60_000;

/** Chunks live outside the heap, so a thread's young objects are few; the default would let them pile up to 48 MB. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 8 };

export interface ThreadPoolOptions {
  /** Entry of the pipeline threads (`worker.ts`, or its compiled form). */
  readonly entry: URL;
  /** Plain settings that `worker.ts` reads as `workerData`, which has its `CreditAccount` as `credit` beside them. */
  readonly workerData: object;
  /** Of the whole process. */
  readonly credit: CreditPool;
  /** Threads for destinations without an owner. */
  readonly size: number;
}

/** Runs whole pipelines off the main thread (DESIGN §3). Threads start on demand. */
export class ThreadPool {
  readonly #options: ThreadPoolOptions;
  readonly #threads = new Set<PipelineThread>();
  readonly #owners = new Map<string, PipelineThread>();
  /** Who holds which image of a destination without an owner. */
  readonly #images = new Map<string, PipelineThread>();
  #isClosed = false;

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
  }

  /**
   * Runs a job where its destination allows it.
   * @param ownerKey names what a single thread must own, or null when any thread may do it. A segment's source may have
   *   an owner of its own (`readOwner`)
   * @throws `CONN_LOST` when its thread ends in the middle, and behind `close`
   */
  async run<J extends Exclude<Job, { kind: 'serve' }>>(
    job: J,
    ownerKey: string | null,
    signal: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<JobResults[J['kind']]> {
    signal.throwIfAborted();
    if (this.#isClosed)
      throw new SyncError('CONN_LOST', 'The process stops, so no pipeline thread takes work. The work is tried again.');
    if (ownerKey === null) return this.#threadOf(job).run(job, signal, onProgress);
    if (job.kind !== 'segment') return this.#ownerOf(ownerKey).run(job, signal, onProgress);
    // A segment's result, by the test above; the compiler does not carry that over to J.
    return this.#runSplit(job, ownerKey, signal, onProgress) as Promise<JobResults[J['kind']]>;
  }

  /** Starts the pool's threads that do not run: loading their code takes as long as planning, which can go on beside it. */
  warm(): void {
    while (!this.#isClosed && this.#threads.size < this.#options.size) this.#start();
  }

  /** Closes what an execution holds open in every thread, and ends owner threads that nobody uses any more. */
  async release(holder: string): Promise<void> {
    await Promise.all([...this.#threads, ...this.#owners.values()].map((thread) => thread.release(holder)));
  }

  /** How many threads run, and how many jobs they have. */
  state(): { readonly pool: number; readonly owner: number; readonly allowed: number; readonly jobs: number } {
    const all = [...this.#threads, ...this.#owners.values()];
    return {
      pool: this.#threads.size,
      owner: this.#owners.size,
      allowed: this.#options.size,
      jobs: all.reduce((sum, thread) => sum + thread.jobs, 0),
    };
  }

  /** Ends all threads with what they work on; from here on none is started. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#threads, ...this.#owners.values()].map((thread) => thread.terminate()));
    this.#threads.clear();
    this.#owners.clear();
  }

  #threadOf(job: Job): PipelineThread {
    return 'image' in job ? this.#imageHolder(job) : this.#readerOf(job);
  }

  /** An image lives in the thread that opened it. */
  #imageHolder({ kind, image }: ImageJob): PipelineThread {
    const holder = this.#images.get(image);
    // One that ended has lost the image; any thread says so.
    const thread = holder !== undefined && this.#threads.has(holder) ? holder : this.#leastBusy();
    if (kind === 'closeImage') this.#images.delete(image);
    else this.#images.set(image, thread);
    return thread;
  }

  #readerOf(job: Job): PipelineThread {
    const isRead = job.kind === 'segment' || job.kind === 'lookAtSource';
    const owner = isRead ? job.source.readOwner : undefined;
    return owner === undefined ? this.#leastBusy() : this.#ownerOf(owner);
  }

  // The reader runs in a pool thread or the source's owner, the writer in the owner's; chunks travel over a channel between them.
  async #runSplit(job: SegmentJob, ownerKey: string, signal: AbortSignal, onProgress?: (progress: Progress) => void) {
    if (job.destination === null) throw new SyncError('INTERNAL', 'A segment came without a destination.');
    const { port1, port2 } = new MessageChannel();
    const serving = this.#ownerOf(ownerKey).run(
      { kind: 'serve', destination: job.destination, load: job.load },
      signal,
      undefined,
      port2,
    );
    const reading = this.#readerOf(job).run({ ...job, destination: null }, signal, onProgress, port1);
    const [read, served] = await Promise.allSettled([reading, serving]);
    // When both failed, the reader only saw the port close: the owner knows why.
    if (served.status === 'rejected') throw served.reason;
    if (read.status === 'rejected') throw read.reason;
    return read.value;
  }

  #leastBusy(): PipelineThread {
    const idle = [...this.#threads].sort((a, b) => a.jobs - b.jobs)[0];
    if (idle !== undefined && (idle.jobs === 0 || this.#threads.size >= this.#options.size)) return idle;
    return this.#start();
  }

  #start(): PipelineThread {
    const thread = new PipelineThread(this.#options, () => this.#threads.delete(thread));
    this.#threads.add(thread);
    return thread;
  }

  #ownerOf(key: string): PipelineThread {
    const known = this.#owners.get(key);
    if (known !== undefined) return known;
    const thread = new PipelineThread(this.#options, () => {
      // A thread that is still ending must not push its successor out: there would be two owners.
      if (this.#owners.get(key) === thread) this.#owners.delete(key);
    });
    this.#owners.set(key, thread);
    return thread;
  }
}

interface Waiter {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

class PipelineThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiter>();
  readonly #onEnd: () => void;
  /** Executions with connections open in this thread: it must not end under them. */
  readonly #holders = new Set<string>();
  #next = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: ThreadPoolOptions, onEnd: () => void) {
    this.#onEnd = onEnd;
    const account = options.credit.openAccount();
    this.#worker = new Worker(options.entry, {
      workerData: { ...options.workerData, credit: account },
      resourceLimits: RESOURCE_LIMITS,
    });
    this.#worker.on('exit', () => options.credit.closeAccount(account));
    this.#worker.on('message', (message: FromThread) => this.#receive(message));
    this.#worker.on('error', (error) => this.#end(error));
    this.#worker.on('exit', () => this.#end(null));
    this.#endWhenIdle();
  }

  get jobs(): number {
    return this.#waiting.size;
  }

  async run<J extends Job>(
    job: J,
    signal: AbortSignal,
    onProgress?: (progress: Progress) => void,
    port?: MessagePort,
  ): Promise<JobResults[J['kind']]> {
    signal.throwIfAborted();
    for (const { holder } of specsOf(job)) this.#holders.add(holder);
    const id = this.#next++;
    const abort = () => this.#worker.postMessage({ kind: 'abort', id } satisfies ToThread);
    signal.addEventListener('abort', abort, { once: true });
    try {
      const message: ToThread = port === undefined ? { kind: 'run', id, job } : { kind: 'run', id, job, port };
      // The thread answers each kind of job with that kind's result (thread.ts, runJob).
      return (await this.#send(message, id, onProgress, port === undefined ? [] : [port])) as JobResults[J['kind']];
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async release(holder: string): Promise<void> {
    if (!this.#holders.has(holder)) return;
    const id = this.#next++;
    await this.#send({ kind: 'release', id, holder }, id, undefined, []);
    this.#holders.delete(holder);
    this.#endWhenIdle();
  }

  async terminate(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#worker.terminate();
  }

  #send(
    message: ToThread,
    id: number,
    onProgress: Waiter['onProgress'],
    transfer: readonly Transferable[],
  ): Promise<unknown> {
    clearTimeout(this.#idle);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onProgress });
      this.#worker.postMessage(message, [...transfer]);
    });
  }

  #receive(message: FromThread): void {
    const waiter = this.#waiting.get(message.id);
    if (message.kind === 'progress') {
      waiter?.onProgress?.(message.progress);
      return;
    }
    this.#waiting.delete(message.id);
    if (message.kind === 'done') waiter?.resolve(message.result);
    else waiter?.reject(deserializeError(message.error));
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (this.#waiting.size > 0 || this.#holders.size > 0) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      // First out of the pool, so that no work is given to a thread that ends.
      this.#onEnd();
      void this.terminate();
    }, IDLE_MS);
    this.#idle.unref();
  }

  #end(error: unknown): void {
    this.#onEnd();
    const reason = error instanceof Error ? error.message : 'it was stopped';
    for (const waiter of this.#waiting.values()) {
      waiter.reject(
        new SyncError(
          'CONN_LOST',
          `A pipeline thread ended in the middle of its work (${reason}). The work is tried again.`,
          { cause: error },
        ),
      );
    }
    this.#waiting.clear();
  }
}
