import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { HEAP_FLAGS } from '../../bin/find-node.mjs';
import { runCli } from '../../src/cli/index.ts';
import { type ConfigOverrides, readConfig } from '../../src/runtime/index.ts';
import { startTestApi } from '../setup/api.ts';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';

// No container is built here: what the files in deploy/ say is held against the product itself.

const ROOT = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, 'deploy', path), 'utf8');
const PORT = readConfig({}).port;

/** Runs a command line up to the point where it would start a server, and answers with what that would be told. */
async function toServeOptions(args: readonly string[]): Promise<ConfigOverrides> {
  const seen: ConfigOverrides[] = [];
  const refuse = () => Promise.reject(new Error('Only a server is started here.'));
  const code = await runCli(
    args,
    {
      version: '0',
      serve: async (overrides) => {
        seen.push(overrides);
        return 0;
      },
      doctor: refuse,
      backup: refuse,
      restore: refuse,
      keys: refuse,
      rotateMaster: refuse,
      startPrivateServer: refuse,
    },
    { input: new PassThrough(), output: { write: () => {} }, errors: { write: () => {} }, environment: {} },
  );
  expect([code, seen.length]).toEqual([0, 1]);
  return seen[0] ?? {};
}

/** Variables that the product reads, by the source of its settings. */
const VARIABLES = new Set(
  [...readFileSync(join(ROOT, 'src/runtime/config.ts'), 'utf8').matchAll(/read\('([A-Z_]+)'/g)].map(([, name]) => name),
);

/** Settings as a process with these variables and arguments reads them. */
async function readSettings(args: readonly string[], environment: Readonly<Record<string, string>>) {
  const unknown = Object.keys(environment).filter((name) => /^(MILLRACE|DATABASE)_/.test(name) && !VARIABLES.has(name));
  expect(unknown).toEqual([]);
  return readConfig(environment, await toServeOptions(args));
}

/** Of all its processes together, each role is some process's. */
function expectAllRoles(processes: readonly { readonly roles: ReadonlySet<string> }[]): void {
  const roles = new Set(processes.flatMap((one) => [...one.roles]));
  expect([...roles].sort()).toEqual([...readConfig({}).roles].sort());
}

interface Stage {
  readonly copies: { readonly from: string | null; readonly sources: string[]; readonly target: string }[];
  readonly lines: string[];
}

/** Stages of the Dockerfile in their order; lines that go on are one. */
function readStages(): Stage[] {
  const text = read('Dockerfile')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n/g, '');
  return text
    .split(/^FROM /m)
    .slice(1)
    .map((stage) => {
      const lines = stage.split('\n').map((line) => line.trim());
      const copies = lines
        .filter((line) => line.startsWith('COPY '))
        .map((line) => {
          const words = line.split(/\s+/).slice(1);
          const from = words[0]?.startsWith('--from=') ? (words.shift()?.slice('--from='.length) ?? null) : null;
          return { from, sources: words.slice(0, -1), target: words.at(-1) ?? '' };
        });
      return { copies, lines };
    });
}

const lineOf = (stage: Stage | undefined, word: string): string =>
  stage?.lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1) ?? '';

/** `A=b C=d` of an ENV line. */
const readEnv = (line: string): Record<string, string> =>
  Object.fromEntries([...line.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]));

describe('the container file', () => {
  const stages = readStages();
  const [, , image] = stages;

  it('copies what is there, and what its list of ignored files lets through', () => {
    const allowed = read('Dockerfile.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const sources = stages.flatMap(({ copies }) =>
      copies.filter(({ from }) => from === null).flatMap((copy) => copy.sources),
    );
    expect(sources.length).toBeGreaterThan(10);
    for (const source of sources) {
      expect([source, existsSync(join(ROOT, source))]).toEqual([source, true]);
      expect([source, allowed.some((path) => source === path || source.startsWith(`${path}/`))]).toEqual([
        source,
        true,
      ]);
    }
  });

  it('runs as an ordinary user, who owns the folders that it writes', () => {
    expect(lineOf(image, 'USER')).toBe('node');
    expect(image?.lines.join('\n')).toMatch(/install -d -o node -g node -m 0700 \/data \/files/);
    expect(lineOf(image, 'VOLUME')).toBe('/data');
  });

  it('sets variables that the product reads, and opens the port that it listens on', async () => {
    const environment = readEnv(lineOf(image, 'ENV'));
    const config = await readSettings(JSON.parse(lineOf(image, 'CMD')), environment);
    expect(config).toMatchObject({ home: '/data', host: '0.0.0.0', port: Number(lineOf(image, 'EXPOSE')) });
  });

  it('takes a Node that the product runs on', () => {
    for (const { lines } of stages) expect(lines[0]).toMatch(/^node:24-/);
  });
});

describe('the Compose file', () => {
  const compose = parse(read('compose/compose.yaml'), { merge: true });
  const { database, api, worker } = compose.services;
  /** As Compose fills them in. */
  const environmentOf = (service: { environment: Record<string, string> }): Record<string, string> =>
    Object.fromEntries(
      Object.entries(service.environment).map(([name, value]) => [
        name,
        value.replaceAll(/\$\{(\w+):\?[^}]*\}/g, (_, variable: string) =>
          variable === 'MILLRACE_ENCRYPTION_KEY' ? 'ab'.repeat(32) : 'secret',
        ),
      ]),
    );

  it('starts an API and two workers, which do all of it together', async () => {
    const processes = await Promise.all(
      [api, worker].map((service) => readSettings(service.command, environmentOf(service))),
    );
    expectAllRoles(processes);
    // podman-compose counts replicas only where the mode is said.
    expect(worker.deploy).toEqual({ mode: 'replicated', replicas: 2 });
    expect(api.ports).toEqual([`127.0.0.1:${PORT}:${PORT}`]);
    for (const { databaseUrl, filesRoot } of processes) {
      expect(new URL(databaseUrl ?? '').hostname).toBe('database');
      expect([api, worker].every(({ volumes }) => volumes.includes(`files:${filesRoot}`))).toBe(true);
    }
  });

  it('asks for each secret by a name that its example has', () => {
    const asked = new Set([...read('compose/compose.yaml').matchAll(/\$\{(\w+)/g)].map(([, name]) => name));
    const given = new Set([...read('compose/example.env').matchAll(/^(\w+)=$/gm)].map(([, name]) => name));
    expect([...given].sort()).toEqual([...asked].sort());
  });

  it('refers to files, services and volumes that are there', () => {
    expect(existsSync(join(ROOT, 'deploy/compose', api.build.context, api.build.dockerfile))).toBe(true);
    const named = [database, api, worker]
      .flatMap(({ volumes }) => volumes as string[])
      .map((volume) => volume.split(':')[0] ?? '');
    for (const name of named) {
      if (name.startsWith('.')) expect(existsSync(join(ROOT, 'deploy/compose', name))).toBe(true);
      else expect(Object.keys(compose.volumes)).toContain(name);
    }
    for (const service of [api, worker])
      for (const [name, { condition }] of Object.entries<{ condition: string }>(service.depends_on)) {
        expect(condition).toBe('service_healthy');
        // Of ours the image itself says how it is.
        expect(name === 'api' || compose.services[name].healthcheck !== undefined).toBe(true);
      }
  });
});

describe('the Kubernetes manifests', () => {
  const objects = parseAllDocuments(read('kubernetes/millrace.yaml')).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS();
  });
  const find = (kind: string) => objects.filter((object) => object.kind === kind);
  const pods = find('Deployment').map((deployment) => ({ ...deployment, pod: deployment.spec.template.spec }));
  const containers = pods.map(({ pod }) => pod.containers[0]);

  it('start an API and workers with settings that the product takes', async () => {
    const [secret] = find('Secret');
    const environment = { ...secret.stringData, MILLRACE_ENCRYPTION_KEY: 'ab'.repeat(32) };
    const processes = await Promise.all(containers.map(({ args }) => readSettings(args, environment)));
    expectAllRoles(processes);
    expect(pods.map(({ spec }) => spec.replicas)).toEqual([1, 2]);
    for (const { envFrom } of containers) expect(envFrom).toEqual([{ secretRef: { name: secret.metadata.name } }]);
  });

  it('ask paths that are answered, on the port that is listened on', async () => {
    await using api = await startTestApi({ connectors: [] });
    for (const { startupProbe, livenessProbe, readinessProbe, ports } of containers) {
      expect(ports).toEqual([{ name: 'http', containerPort: PORT }]);
      expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path)).toEqual([
        '/healthz',
        '/healthz',
        '/readyz',
      ]);
      for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe]) {
        expect(httpGet.port).toBe('http');
        expect((await api.app.inject({ url: httpGet.path })).statusCode).toBe(200);
      }
    }
    expect(find('Service')[0].spec.ports).toEqual([{ name: 'http', port: PORT, targetPort: 'http' }]);
  });

  it('let a pod write where the product writes, and nowhere else', () => {
    for (const { pod } of pods) {
      const [container] = pod.containers;
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
      expect(container.securityContext).toMatchObject({
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
      });
      const mounts: { name: string; mountPath: string }[] = container.volumeMounts;
      expect(mounts.map(({ mountPath }) => mountPath)).toEqual(['/data', '/tmp']);
      const volumes: { name: string; persistentVolumeClaim?: { claimName: string } }[] = pod.volumes;
      expect(mounts.map(({ name }) => name)).toEqual(volumes.map(({ name }) => name));
      for (const { persistentVolumeClaim } of volumes)
        if (persistentVolumeClaim !== undefined)
          expect(find('PersistentVolumeClaim').map(({ metadata }) => metadata.name)).toContain(
            persistentVolumeClaim.claimName,
          );
    }
  });

  it('find their pods by labels that these have', () => {
    for (const { spec } of pods) expect(spec.template.metadata.labels).toEqual(spec.selector.matchLabels);
    const [service] = find('Service');
    expect(pods[0]?.spec.template.metadata.labels).toEqual(service.spec.selector);
  });

  it('name the version that this is', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const { image } of containers) expect(image).toBe(`millrace:${version}`);
  });
});

describe('the unit file', () => {
  const unit = read('millrace.service');
  const values = (name: string): string[] =>
    [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);

  it('starts the server with variables that it reads, in folders that systemd makes', async () => {
    const [command = ''] = values('ExecStart');
    const [program, name, ...args] = command.split(' ');
    expect([program, name]).toEqual(['/usr/bin/env', 'millrace']);
    const environment = Object.fromEntries(
      values('Environment').map((line) => line.replace('%S', '/var/lib').split('=')),
    );
    const { home } = await readSettings(args, environment);
    expect(home).toBe(join('/var/lib', values('StateDirectory')[0] ?? ''));
  });

  it('waits for as long as an orderly stop may take', () => {
    expect(Number.parseInt(values('TimeoutStopSec')[0] ?? '', 10)).toBeGreaterThan(10);
    expect(values('KillMode')).toEqual(['mixed']);
  });
});

describe('what the container file builds', () => {
  let folder: string;
  let metadata: TestDatabase;

  /** Does what the stages say, with our own dependencies in the place of newly installed ones. */
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-image-'));
    metadata = await createTestDatabase();
    const [build, , image] = readStages();
    const places: Record<string, string> = { build: join(folder, 'build'), dependencies: join(folder, 'dependencies') };
    const app = join(folder, 'app');
    layOut(build, places.build ?? '');
    symlinkSync(join(ROOT, 'node_modules'), join(places.build ?? '', 'node_modules'));
    const [, command = ''] = /^RUN node (.*)$/m.exec(build?.lines.join('\n') ?? '') ?? [];
    execFileSync(process.execPath, command.split(' '), { cwd: places.build, stdio: 'pipe' });
    mkdirSync(join(places.dependencies ?? '', 'app'), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(places.dependencies ?? '', 'app/node_modules'));
    layOut(image, app);
  }, 180_000);

  afterAll(async () => {
    await metadata[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  function layOut(stage: Stage | undefined, place: string): void {
    mkdirSync(place, { recursive: true });
    for (const { from, sources, target } of stage?.copies ?? []) {
      for (const source of sources) {
        // Paths of other stages begin with the folder that the stage worked in.
        const path = from === null ? join(ROOT, source) : join(folder, from, source.replace(`/${from}/`, '/'));
        const isFolder = target.endsWith('/') || sources.length > 1;
        cpSync(path, join(place, target, isFolder ? basename(source) : ''), {
          recursive: true,
          verbatimSymlinks: true,
        });
      }
    }
  }

  it('starts with its own command, answers its own health check, and stops in order', async () => {
    const [, , image] = readStages();
    const app = join(folder, 'app');
    const [, ...entry] = JSON.parse(lineOf(image, 'ENTRYPOINT')) as string[];
    // As bin/millrace.mjs, which the image leaves out, would start it.
    expect(entry.slice(0, -1)).toEqual(HEAP_FLAGS);
    const args = [...entry.map((part) => part.replace('/app', app)), ...(JSON.parse(lineOf(image, 'CMD')) as string[])];
    const env = {
      ...readEnv(lineOf(image, 'ENV')),
      PATH: process.env.PATH,
      DATABASE_URL: metadata.ownerUrl,
      MILLRACE_HOME: join(folder, 'data'),
      MILLRACE_HOST: '127.0.0.1',
      MILLRACE_PORT: '0',
    };
    const child = spawn(process.execPath, args, { cwd: app, env, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const { port } = new URL(await answers(child));
      const [, check = ''] = /CMD (\[.*\])$/.exec(lineOf(image, 'HEALTHCHECK')) ?? [];
      const [, ...health] = JSON.parse(check) as string[];
      execFileSync(process.execPath, health, { env: { ...env, MILLRACE_PORT: port } });
      expect(() => execFileSync(process.execPath, health, { env: { ...env, MILLRACE_PORT: '1' } })).toThrow();
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  }, 90_000);
});

/** Where it says that it does. */
async function answers(child: ChildProcess): Promise<string> {
  let said = '';
  for await (const data of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    said += String(data);
    const [, url] = /answers at (\S+)\s/.exec(said) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error(`It ended having said: ${said}`);
}
