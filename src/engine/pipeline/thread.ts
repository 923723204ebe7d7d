import { type MessagePort, parentPort } from 'node:worker_threads';
import {
  type BulkDestination,
  type BulkSource,
  type Connector,
  type ConnectorContext,
  type ConnectorDefinition,
  hideRoot,
  type Load,
  type MemoryCredit,
  type ModelTargetCatalogue,
  type Pack,
} from '../../connector-kit/index.ts';
import { SyncError, serializeError } from '../../core/index.ts';
import { HeldImages, lookAtSource } from '../comparison/look.ts';
import { answerForSource } from './answer-for-source.ts';
import { answerForTarget } from './answer-for-target.ts';
import { finishLoad } from './finish-load.ts';
import {
  type ConnectionSpec,
  type DiscardPackJob,
  type FromThread,
  type Job,
  type PackJob,
  type PackResult,
  type Progress,
  type SegmentJob,
  type ServeJob,
  specsOf,
  type Timed,
  type ToThread,
} from './jobs.ts';
import { PipelineClock, timeLoad, timePack, timeSegmentLoad, timeSource } from './pipeline-clock.ts';
import { connectRemoteLoad, type SegmentLoad, serveLoad } from './remote-load.ts';
import { type PackWatch, runPack } from './run-pack.ts';
import { runSegment, type SegmentWatch } from './run-segment.ts';

const PROGRESS_INTERVAL_MS = 250;

/** What `worker.ts` wires into a pipeline thread. */
export interface ThreadOptions {
  readonly connectors: ReadonlyMap<string, ConnectorDefinition<unknown>>;
  readonly contextFor: (organizationId: string, applicationName: string) => ConnectorContext;
  readonly failpoint: (name: string) => void;
  readonly credit: MemoryCredit;
}

/** Serves jobs from the main thread until it ends the thread. Several jobs may run at once. */
export function servePipelines(options: ThreadOptions): void {
  const port = parentPort;
  if (port === null) throw new SyncError('INTERNAL', 'Pipelines can be served only from a worker thread.');
  const connections = new ConnectionCache(options);
  const running = new Map<number, AbortController>();
  const reply = (message: FromThread) => port.postMessage(message);
  port.on('message', async (message: ToThread) => {
    if (message.kind === 'abort') return running.get(message.id)?.abort();
    const controller = new AbortController();
    running.set(message.id, controller);
    try {
      const result =
        message.kind === 'release'
          ? await connections.release(message.holder)
          : await runJob(
              message.job,
              message.port,
              connections,
              options,
              (progress) => reply({ kind: 'progress', id: message.id, progress }),
              controller.signal,
            );
      reply({ kind: 'done', id: message.id, result: result ?? null });
    } catch (error) {
      const shown = message.kind === 'run' ? await hideRoots(error, message.job, options) : error;
      reply({ kind: 'failed', id: message.id, error: serializeError(shown) });
    } finally {
      running.delete(message.id);
    }
  });
}

/** What an execution says of a failure is read by all of its organization. */
async function hideRoots(error: unknown, job: Job, { contextFor }: ThreadOptions): Promise<unknown> {
  let shown = error;
  for (const { organizationId, applicationName } of specsOf(job))
    shown = await hideRoot(shown, contextFor(organizationId, applicationName).filesRoot);
  return shown;
}

async function runJob(
  job: Job,
  port: MessagePort | undefined,
  connections: ConnectionCache,
  options: ThreadOptions,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<unknown> {
  if (job.kind === 'segment') {
    const watch = { onProgress: throttle(onProgress), failpoint: options.failpoint };
    const remote = port === undefined ? null : connectRemoteLoad(port, options.credit);
    return closingPort(port, () => runSegmentJob(job, remote, connections, watch, signal));
  }
  if (job.kind === 'pack') return runPackJob(job, connections, options, signal);
  if (job.kind === 'discardPack') return discardPack(job, connections, signal);
  if (job.kind === 'serve') return closingPort(port, () => serveJob(job, port, connections, signal));
  if (job.kind === 'check') return (await connections.open(job.destination)).check(signal);
  if (job.kind === 'inspect')
    return destinationOf(job.destination, await connections.open(job.destination)).inspect(job.table, signal);
  if (job.kind === 'preview')
    return destinationOf(job.destination, await connections.open(job.destination)).preview(job.load, job.state, signal);
  if (job.kind === 'lookAtSource') {
    const clock = new PipelineClock();
    const source = sourceOf(job.source, await clock.wait('source', () => connections.open(job.source)));
    return {
      ...(await lookAtSource(job, timeSource(source, clock), throttle(onProgress), signal)),
      timing: clock.read(),
    };
  }
  if ('image' in job) {
    const { images } = connections;
    return images.answer(job, destinationOf(job.destination, await connections.open(job.destination)), signal);
  }
  if ('target' in job) return answerForTarget(job, targetOf(job.target, await connections.open(job.target)), signal);
  if ('source' in job) return answerForSource(job, sourceOf(job.source, await connections.open(job.source)), signal);
  const clock = new PipelineClock();
  await using load = await clock.wait('destination', () => openLoad(job.destination, job.load, connections, signal));
  const timed = timeLoad(load, clock);
  switch (job.kind) {
    case 'prepare':
      await timed.prepare(signal);
      return { timing: clock.read() };
    case 'finish':
      return { ...(await finishLoad(job, timed, options.failpoint, signal)), timing: clock.read() };
    case 'analyze':
      await timed.analyze?.(signal);
      return { timing: clock.read() };
    case 'discard':
      await timed.discard(signal);
      return { timing: clock.read() };
  }
}

async function serveJob(
  job: ServeJob,
  port: MessagePort | undefined,
  connections: ConnectionCache,
  signal: AbortSignal,
): Promise<void> {
  if (port === undefined) throw new SyncError('INTERNAL', 'An owner thread was asked to serve a load without a port.');
  await serveLoad(port, () => openLoad(job.destination, job.load, connections, signal), signal);
}

// Whatever ends one side, the other side must hear of it, or it would wait for ever.
async function closingPort<T>(port: MessagePort | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    port?.close();
  }
}

async function runSegmentJob(
  job: SegmentJob,
  remote: SegmentLoad | null,
  connections: ConnectionCache,
  watch: SegmentWatch,
  signal: AbortSignal,
): Promise<unknown> {
  const clock = new PipelineClock();
  const opened = sourceOf(job.source, await clock.wait('source', () => connections.open(job.source)));
  const source = timeSource(opened, clock);
  const { destination } = job;
  if (remote !== null) {
    const timed = timeSegmentLoad(remote, clock);
    return { ...(await runSegment(job, source, timed, watch, signal)), timing: clock.read() };
  }
  if (destination === null) throw new SyncError('INTERNAL', 'A segment came without a destination.');
  await using load = await clock.wait('destination', () => openLoad(destination, job.load, connections, signal));
  const outcome = await runSegment(job, source, timeSegmentLoad(load, clock), watch, signal);
  return { ...outcome, timing: clock.read() };
}

async function runPackJob(
  job: PackJob,
  connections: ConnectionCache,
  watch: PackWatch,
  signal: AbortSignal,
): Promise<PackResult & Timed> {
  const clock = new PipelineClock();
  const source = sourceOf(job.source, await clock.wait('source', () => connections.open(job.source)));
  await using pack = await clock.wait('destination', () => openPack(job, connections, signal));
  const timed = timePack(pack, clock);
  return { tables: await runPack(job, timeSource(source, clock), timed, watch, signal), timing: clock.read() };
}

async function discardPack(job: DiscardPackJob, connections: ConnectionCache, signal: AbortSignal): Promise<Timed> {
  const clock = new PipelineClock();
  await using pack = await clock.wait('publication', () => openPack(job, connections, signal));
  await clock.wait('publication', () => pack.discard(signal));
  return { timing: clock.read() };
}

async function openPack(
  { destination: spec, tables }: Pick<DiscardPackJob, 'destination' | 'tables'>,
  connections: ConnectionCache,
  signal: AbortSignal,
): Promise<Pack> {
  const destination = destinationOf(spec, await connections.open(spec));
  if (destination.openPack === undefined)
    throw new SyncError('INTERNAL', `Connections of type ${spec.type} load no packs of tables. Report it.`);
  const opened = tables.map(({ load, segment }) => ({ plan: load, segment }));
  return destination.openPack(opened, signal);
}

async function openLoad(
  spec: ConnectionSpec,
  plan: SegmentJob['load'],
  connections: ConnectionCache,
  signal: AbortSignal,
): Promise<Load> {
  return destinationOf(spec, await connections.open(spec)).open(plan, signal);
}

function sourceOf(spec: ConnectionSpec, { source }: Connector): BulkSource {
  if (source === undefined) throw new SyncError('INTERNAL', `Connections of type ${spec.type} cannot be read.`);
  return source;
}

function destinationOf(spec: ConnectionSpec, { destination }: Connector): BulkDestination {
  if (destination === undefined) throw new SyncError('INTERNAL', `Connections of type ${spec.type} cannot be written.`);
  return destination;
}

function targetOf(spec: ConnectionSpec, { target }: Connector): ModelTargetCatalogue {
  if (target === undefined) throw new SyncError('INTERNAL', `Connections of type ${spec.type} have no targets.`);
  return target;
}

/** Connectors stay open in this thread from one segment to the next, until their execution is released. */
class ConnectionCache {
  /** Read through these connections; let go of before they are. */
  readonly images = new HeldImages();
  readonly #options: ThreadOptions;
  readonly #open = new Map<string, { readonly holder: string; readonly connector: Promise<Connector> }>();

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  open(spec: ConnectionSpec): Promise<Connector> {
    const key = JSON.stringify([spec.holder, spec.type, spec.config]);
    const known = this.#open.get(key);
    if (known !== undefined) return known.connector;
    const definition = this.#options.connectors.get(spec.type);
    if (definition === undefined) throw new SyncError('INTERNAL', `There is no connector of type ${spec.type}.`);
    const connector = definition.connect(
      definition.config.parse(spec.config),
      this.#options.contextFor(spec.organizationId, spec.applicationName),
    );
    this.#open.set(key, { holder: spec.holder, connector });
    connector.catch(() => this.#open.delete(key));
    return connector;
  }

  async release(holder: string): Promise<void> {
    await this.images.release(holder);
    const held = [...this.#open].filter(([, entry]) => entry.holder === holder);
    for (const [key] of held) this.#open.delete(key);
    const ends = held.map(async ([, entry]) => (await entry.connector.catch(() => null))?.[Symbol.asyncDispose]());
    await Promise.all(ends);
  }
}

function throttle(onProgress: (progress: Progress) => void): (progress: Progress) => void {
  let next = 0;
  return (progress) => {
    const now = performance.now();
    if (now < next) return;
    next = now + PROGRESS_INTERVAL_MS;
    onProgress(progress);
  };
}
