/** One time series of a scrape. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One metric with all its series. */
export interface MetricFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

/**
 * Reads Prometheus' text format 0.0.4 by its letter.
 * @throws when a line is malformed, a family is split, lacks help or type, or has one series twice; a counter's name or
 * value is none; a histogram's buckets do not add up
 */
export function parseMetrics(text: string): ReadonlyMap<string, MetricFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, { name: string; type: string; help: string; samples: Sample[] }>();
  let open: { name: string; type: string; help: string; samples: Sample[] } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (!NAME.test(name) || families.has(name)) throw new Error(`a second or bad family: ${line}`);
      open = { name, type: '', help: rest, samples: [] };
      families.set(name, open);
    } else if (keyword === 'TYPE') {
      if (open?.name !== name || open.type !== '' || !TYPES.includes(rest)) throw new Error(`a type astray: ${line}`);
      open.type = rest;
    } else if (line.startsWith('#')) {
      throw new Error(`a comment that is no help and no type: ${line}`);
    } else {
      const sample = parseSample(line);
      if (open === undefined || open.type === '' || !belongsTo(sample.name, open)) throw new Error(`astray: ${line}`);
      open.samples.push(sample);
    }
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

/** Sum of a metric's series that have these labels; 0 when there is none. @throws when there is no such metric */
export function sumOf(
  metrics: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = metrics.get(name);
  if (family === undefined) throw new Error(`there is no metric ${name}`);
  const wanted = Object.entries(labels);
  return family.samples
    .filter((sample) => wanted.every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

function belongsTo(name: string, family: { readonly name: string; readonly type: string }): boolean {
  if (name === family.name) return family.type !== 'histogram';
  const suffixes = { histogram: ['_bucket', '_sum', '_count'], summary: ['_sum', '_count'] }[family.type] ?? [];
  return suffixes.some((suffix) => name === family.name + suffix);
}

function parseSample(line: string): Sample {
  const [, name = '', labels = '', value = ''] = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (!NAME.test(name)) throw new Error(`no sample: ${line}`);
  return { name, labels: parseLabels(labels, line), value: parseValue(value, line) };
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== '') {
    const [whole, name = '', value = ''] = /^([^=]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/.exec(rest) ?? [];
    if (whole === undefined || !LABEL.test(name) || name in labels) throw new Error(`bad labels: ${line}`);
    labels[name] = value.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character));
    rest = rest.slice(whole.length);
  }
  return labels;
}

function parseValue(text: string, line: string): number {
  if (text === '+Inf' || text === '-Inf') return Number(`${text}inity`);
  if (text === 'NaN') return Number.NaN;
  if (!/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text)) throw new Error(`no number: ${line}`);
  return Number(text);
}

function checkFamily({ name, type, help, samples }: MetricFamily): void {
  if (type === '' || help === '') throw new Error(`${name} has no type or no help`);
  const seen = samples.map((sample) => keyOf(sample));
  if (new Set(seen).size !== seen.length) throw new Error(`${name} has one series twice`);
  if (type === 'counter' && (!name.endsWith('_total') || samples.some(({ value }) => !(value >= 0))))
    throw new Error(`${name} is no counter`);
  if (type === 'histogram') checkHistogram(name, samples);
}

function keyOf({ name, labels }: Sample, without = ''): string {
  const kept = Object.entries(labels).filter(([label]) => label !== without);
  return JSON.stringify([name, kept.sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const buckets = Map.groupBy(
    samples.filter((sample) => sample.name === `${name}_bucket`),
    (sample) => keyOf({ ...sample, name }, 'le'),
  );
  for (const [key, series] of buckets) {
    const bounds = series.map(({ labels }) => parseValue(labels.le ?? '', key));
    const isRising = series.every(({ value }, index) => {
      const before = series[index - 1];
      return before === undefined || (value >= before.value && (bounds[index] ?? 0) > (bounds[index - 1] ?? 0));
    });
    const count = samples.find((sample) => sample.name === `${name}_count` && keyOf({ ...sample, name }) === key);
    if (!isRising || bounds.at(-1) !== Number.POSITIVE_INFINITY || count?.value !== series.at(-1)?.value)
      throw new Error(`the buckets of ${key} do not add up`);
  }
}
