import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressOf, type BenchDatabase, DESTINATION, SOURCE } from './database.ts';
import type { BenchOptions } from './options.ts';
import { makeSync, type Product } from './product.ts';
import { median, type PeerFigure } from './results.ts';
import { say } from './say.ts';
import { tableName } from './table.ts';

/** Another tool that copies tables, from the Python package index. */
interface Peer {
  readonly name: string;
  readonly packages: readonly string[];
  /** Its program, where the packages fetch it at its first start. */
  readonly program?: string;
  /** What it is started with, below the folder that holds its virtual environment. */
  readonly command: (scene: Scene) => readonly string[];
  readonly environment?: (scene: Scene) => Readonly<Record<string, string>>;
}

interface Scene {
  /** Connection URLs without parameters. */
  readonly source: string;
  readonly destination: string;
  readonly table: string;
  /** Folder of the peer's own. */
  readonly folder: string;
}

/** Makes the table anew each time, as our sync does; nothing is tuned beyond what each tool's own guide says first. */
const PEERS: readonly Peer[] = [
  {
    name: 'Sling 1.4.11',
    packages: ['sling-linux-amd64==1.4.11'],
    command: ({ table, folder }) => [
      join(folder, 'bin', 'python'),
      ...[
        '-c',
        RUN_SLING,
        'run',
        '--src-conn',
        'BENCH_SOURCE',
        '--src-stream',
        `public.${table}`,
        '--tgt-conn',
        'BENCH_DESTINATION',
      ],
      ...['--tgt-object', 'peer_sling.lines', '--mode', 'full-refresh'],
    ],
    environment: ({ source, destination, folder }) => ({
      BENCH_SOURCE: `${source}?sslmode=disable`,
      BENCH_DESTINATION: `${destination}?sslmode=disable`,
      SLING_HOME_DIR: folder,
    }),
  },
  {
    name: 'dlt 1.31.0, ConnectorX',
    packages: [
      'dlt[postgres,sql_database]==1.31.0',
      'sqlalchemy==2.0.49',
      'connectorx==0.4.6',
      'pyarrow==26.0.1',
      'psycopg2-binary==2.9.13',
    ],
    command: ({ folder }) => [join(folder, 'bin', 'python'), join(folder, 'load_lines.py')],
    environment: ({ source, destination, table, folder }) => ({
      BENCH_SOURCE: source,
      BENCH_DESTINATION: destination,
      BENCH_TABLE: table,
      DLT_DATA_DIR: folder,
      RUNTIME__DLTHUB_TELEMETRY: 'false',
    }),
  },
  {
    name: 'ingestr 1.1.76',
    packages: ['ingestr==1.1.76'],
    program: 'ingestr',
    command: ({ source, destination, table, folder }) => [
      join(folder, 'bin', 'ingestr'),
      ...['ingest', '--source-uri', source, '--source-table', `public.${table}`, '--dest-uri', destination],
      ...['--dest-table', 'peer_ingestr.lines', '--yes', '--progress', 'log'],
    ],
    environment: ({ folder }) => ({ DISABLE_TELEMETRY: 'true', INGESTR_DISABLE_TELEMETRY: 'true', HOME: folder }),
  },
];

/** Its own launcher would fetch another version. */
const RUN_SLING =
  'import os, sys, sling_linux_amd64 as s; os.chmod(s.SLING_BIN, 0o755); os.execv(s.SLING_BIN, ["sling", *sys.argv[1:]])';

const DLT_SCRIPT = `import os
import dlt
from dlt.sources.sql_database import sql_table

pipeline = dlt.pipeline("bench", destination=dlt.destinations.postgres(os.environ["BENCH_DESTINATION"]), dataset_name="peer_dlt")
lines = sql_table(credentials=os.environ["BENCH_SOURCE"], table=os.environ["BENCH_TABLE"], backend="connectorx")
pipeline.run(lines, table_name="lines", write_disposition="replace")
`;

/** Runs a command and prints its CPU seconds and highest resident memory, of whatever process of its had it. */
const MEASURE = `import json, resource, subprocess, sys, time
started = time.monotonic()
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"code": code, "wall": time.monotonic() - started, "cpu": usage.ru_utime + usage.ru_stime, "kib": usage.ru_maxrss}))
`;

/** The same table by us and by other tools, one after another in each round. Peers that cannot be had are named. */
export async function comparePeers(
  product: Product,
  database: BenchDatabase,
  home: string,
  { rows, pairs }: BenchOptions,
): Promise<PeerFigure[]> {
  const sync = await makeSync(product, { destination: 'postgresql', depth: 'counts', rows });
  await product.run(sync);
  const found = new Map<string, PeerFigure['runs'][number][]>();
  const peers = PEERS.flatMap((peer) => preparePeer(peer, home, database, rows) ?? []);
  for (let round = 1; round <= pairs; round += 1) {
    await database.settle();
    const own = await product.run(sync);
    const peakBytes = own.peakBytes;
    add(found, 'Millrace', { wallSeconds: own.wallSeconds, cpuSeconds: own.cpuSeconds, peakBytes });
    for (const { peer, scene } of peers) {
      await database.settle();
      const run = await runPeer(peer, scene);
      add(found, peer.name, run);
      say(`  ${peer.name}: ${run.wallSeconds.toFixed(1)} s, CPU ${run.cpuSeconds.toFixed(1)} s`);
    }
  }
  return [...found].map(([name, runs]) => ({ name, rows, runs, recordsPerCpuSecond: toRate(rows, runs) }));
}

function add<T>(found: Map<string, T[]>, name: string, run: T): void {
  found.set(name, [...(found.get(name) ?? []), run]);
}

function toRate(rows: number, runs: PeerFigure['runs']): number {
  return rows / median(runs.map(({ cpuSeconds }) => cpuSeconds));
}

/** A virtual environment of its own, kept for the next time. */
function preparePeer(peer: Peer, home: string, { server }: BenchDatabase, rows: number) {
  const folder = join(home, 'peers', peer.name.replace(/[^a-z0-9.]+/gi, '-').toLowerCase());
  const isReady = join(folder, 'installed');
  try {
    if (!existsSync(isReady)) {
      say(`installing ${peer.name}`);
      mkdirSync(folder, { recursive: true });
      execFileSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' });
      execFileSync(join(folder, 'bin', 'pip'), ['install', '-q', ...peer.packages], { stdio: 'ignore' });
      if (peer.program !== undefined)
        execFileSync(join(folder, 'bin', peer.program), ['--version'], {
          stdio: 'ignore',
          env: { ...process.env, HOME: folder },
        });
      writeFileSync(isReady, '');
    }
  } catch {
    say(`${peer.name} is left out: ${peer.packages[0]} or what it fetches could not be installed.`);
    return null;
  }
  writeFileSync(join(folder, 'load_lines.py'), DLT_SCRIPT);
  writeFileSync(join(folder, 'measure.py'), MEASURE);
  const { host, port, user, password } = addressOf(server);
  const toUrl = (name: string) => `postgresql://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
  const scene: Scene = { source: toUrl(SOURCE), destination: toUrl(DESTINATION), table: tableName(rows), folder };
  return { peer, scene };
}

/** @throws `Error` with the end of what the peer said, when it failed */
async function runPeer(peer: Peer, scene: Scene): Promise<PeerFigure['runs'][number]> {
  const child = spawn('python3', [join(scene.folder, 'measure.py'), ...peer.command(scene)], {
    env: { ...process.env, ...peer.environment?.(scene) },
    cwd: scene.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [answer, said] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    answer += part;
  });
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    said = (said + part).slice(-2_000);
  });
  await once(child, 'close');
  const { code, wall, cpu, kib } = JSON.parse(answer) as { code: number; wall: number; cpu: number; kib: number }; // as MEASURE prints it
  if (code !== 0) throw new Error(`${peer.name} failed: ${said.trim()}`);
  return { wallSeconds: wall, cpuSeconds: cpu, peakBytes: kib * 1024 };
}
