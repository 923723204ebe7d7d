import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { COUNTERS, DISTRIBUTIONS, type FleetFacts, type Meter } from '../core/index.ts';
import { GAUGES, type GaugeName, type ProcessFacts, type Reading } from './metrics/gauges.ts';

/** A page in Prometheus' text format. */
export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

/** The metrics of one process. */
export interface Metrics {
  readonly meter: Meter;
  /** Where gauges are read from at each scrape. Until this is called they are absent. */
  watch(sources: MetricsSources): void;
  /** Everything as of now. What the metadata database says is at most some seconds old, and absent while it is away. */
  render(): Promise<MetricsPage>;
  /** Every metric of the product itself, for the documentation. */
  describe(): readonly MetricDescription[];
}

export interface MetricsSources {
  readonly readFleet: () => Promise<FleetFacts>;
  readonly readProcess: () => ProcessFacts;
}

export interface MetricDescription {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

export interface MetricsOptions {
  readonly version: string;
  /** Of connections that there may be. */
  readonly connectionTypes: readonly string[];
  /** With a time series for each sync, by its id. */
  readonly perSync: boolean;
  /** Milliseconds that only grow. */
  readonly now?: () => number;
}

const PREFIX = 'millrace_';
/** Several scrapers, or an impatient one, cost the metadata database no more than this often. */
const FLEET_KEPT_MS = 5_000;
/** Scrapers give up after ten seconds. */
const FLEET_LIMIT_MS = 4_000;
/** How often the event loop is looked at; the library's own ten milliseconds would wake an idle process for nothing. */
const LOOP_PRECISION_MS = 25;

const EXECUTION_BUCKETS = [0.5, 1, 2, 5, 10, 30, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 43_200];
const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Makes a registry of its own, with what Node says about the process. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_PRECISION_MS });
  const { counters, histograms } = registerMeasures(registry, options.connectionTypes);
  const gauges = registerGauges(registry);
  let sources: MetricsSources | null = null;
  let readFleet: () => Promise<FleetFacts | null> = async () => null;
  const set = (name: GaugeName, readings: readonly Reading[]) => {
    const gauge = gauges.get(name);
    gauge?.reset();
    for (const { labels, value } of readings) gauge?.set(labels, value);
  };
  const refresh = async () => {
    const fleet = await readFleet();
    const facts = { fleet, process: sources?.readProcess() ?? null, ...options };
    // The keys of the table are its names.
    for (const name of Object.keys(GAUGES) as GaugeName[]) set(name, GAUGES[name].read(facts));
  };
  let last: Promise<unknown> = Promise.resolve();
  return {
    meter: {
      count: (name, labels, by = 1) => counters.get(name)?.inc(labels, by),
      observe: (name, labels, seconds) => histograms.get(name)?.observe(labels, seconds),
    },
    watch(given) {
      sources = given;
      readFleet = keepFor(FLEET_KEPT_MS, options.now ?? (() => performance.now()), () => within(given.readFleet()));
    },
    async render() {
      // One after another: gauges are emptied before they are set.
      const turn = last.then(async () => {
        await refresh();
        // The library writes the values of an event loop that was not looked at yet in a way that strict readers refuse.
        return { contentType: registry.contentType, body: (await registry.metrics()).replace(/ Nan$/gm, ' NaN') };
      });
      last = turn.catch(() => {});
      return turn;
    },
    describe: () => describeAll(registry),
  };
}

function registerMeasures(registry: Registry, connectionTypes: readonly string[]) {
  const registers = [registry];
  const counters = new Map(
    Object.entries(COUNTERS).map(([name, { help, labels, ...known }]) => {
      const counter = new Counter({ name: `${PREFIX}${name}_total`, help, labelNames: [...labels], registers });
      const [label] = labels;
      const values = 'values' in known ? known.values : connectionTypes;
      if (label !== undefined) for (const value of values) counter.inc({ [label]: value }, 0);
      return [name, counter] as const;
    }),
  );
  const histograms = new Map(
    Object.entries(DISTRIBUTIONS).map(([name, { help, labels }]) => {
      const buckets = name === 'execution_seconds' ? EXECUTION_BUCKETS : REQUEST_BUCKETS;
      const histogram = new Histogram({ name: PREFIX + name, help, labelNames: [...labels], buckets, registers });
      return [name, histogram] as const;
    }),
  );
  return { counters, histograms };
}

function registerGauges(registry: Registry): ReadonlyMap<string, Gauge> {
  return new Map(
    Object.entries(GAUGES).map(([name, { help, labels }]) => [
      name,
      new Gauge({ name: PREFIX + name, help, labelNames: [...labels], registers: [registry] }),
    ]),
  );
}

function describeAll(registry: Registry): readonly MetricDescription[] {
  const labels = new Map<string, readonly string[]>([
    ...Object.entries(COUNTERS).map(([name, measure]) => [`${PREFIX}${name}_total`, measure.labels] as const),
    ...Object.entries({ ...DISTRIBUTIONS, ...GAUGES }).map(([name, { labels }]) => [PREFIX + name, labels] as const),
  ]);
  return registry
    .getMetricsAsArray()
    .filter(({ name }) => labels.has(name))
    .map(({ name, help, type }) => ({ name, help, type: String(type), labels: labels.get(name) ?? [] }));
}

/** Asks again when the answer is older than that. What failed is absent, and not kept. */
function keepFor<T>(milliseconds: number, now: () => number, ask: () => Promise<T>): () => Promise<T | null> {
  let kept: { readonly answer: T; readonly until: number } | null = null;
  return async () => {
    if (kept !== null && now() < kept.until) return kept.answer;
    try {
      kept = { answer: await ask(), until: now() + milliseconds };
    } catch {
      kept = null;
    }
    return kept?.answer ?? null;
  };
}

async function within<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('late')), FLEET_LIMIT_MS);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}
