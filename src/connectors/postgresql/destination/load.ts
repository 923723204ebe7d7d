import {
  type ConnectorContext,
  keyNotUnique,
  type Load,
  type LoadPlan,
  type LossGuard,
  type PublishCounts,
  type SegmentId,
  type SegmentOutcome,
  type SegmentRange,
  type SegmentWriter,
} from '../../../connector-kit/index.ts';
import type { RangeSum } from '../../../core/index.ts';
import { toWorkName } from '../client/work-name.ts';
import type { Session } from '../client.ts';
import type { SessionPool } from '../sessions.ts';
import { quoteName } from '../sql.ts';
import { digest, readDigested } from './digest.ts';
import { digestByKey, isKeyListed } from './digest-by-key.ts';
import { dropGenerations } from './generations.ts';
import { type Names, nameObjects } from './naming.ts';
import { prepareLoad } from './prepare.ts';
import { analyzeStage } from './publish/merge.ts';
import { publish, readPublication } from './publish.ts';
import { hasState } from './state.ts';
import { beginWriter } from './writer.ts';

/** As long as the engine waits. The server knows it, too: behind a process that was killed it would go on, and its lock with it. */
const ANALYZE_LIMIT = '60s';

/** One schema's load into one generation of one table. Holds no state of its own: all of it is in the destination. */
export class PostgresqlLoad implements Load {
  readonly #pool: SessionPool;
  readonly #context: Pick<ConnectorContext, 'failpoint'>;
  readonly #plan: LoadPlan;
  readonly #names: Names;

  constructor(pool: SessionPool, context: Pick<ConnectorContext, 'failpoint'>, plan: LoadPlan) {
    this.#pool = pool;
    this.#context = context;
    this.#plan = plan;
    this.#names = nameObjects(plan);
  }

  prepare(signal: AbortSignal): Promise<void> {
    return this.#pool.use(signal, (session) => prepareLoad(session, this.#plan, signal));
  }

  beginSegment(
    segment: SegmentId,
    options: { readonly isolate: boolean },
    signal: AbortSignal,
  ): Promise<SegmentWriter> {
    const scene = { plan: this.#plan, names: this.#names, pool: this.#pool, context: this.#context };
    return beginWriter(scene, segment, options.isolate, signal);
  }

  lookup(segment: SegmentId, signal: AbortSignal): ReturnType<Load['lookup']> {
    return this.#pool.use(signal, (session) => lookUp(session, this.#plan, segment, signal));
  }

  seal(signal: AbortSignal): Promise<void> {
    return this.#pool.use(signal, (session) => this.#seal(session, signal));
  }

  /** Whoever holds the table against it alters it, and will have it analyzed; it is not waited for. */
  async analyze(signal: AbortSignal): Promise<void> {
    const { live } = this.#names;
    await this.#pool.use(signal, (session) => {
      const begin = `${this.#begin(session)}; SET LOCAL statement_timeout = '${ANALYZE_LIMIT}'`;
      return session.script(`Analyzing ${live}`, `${begin}; ANALYZE (SKIP_LOCKED) ${live}; COMMIT`, signal);
    });
  }

  digest(range: SegmentRange | null, countsOnly: boolean, signal: AbortSignal): Promise<RangeSum> {
    return this.#pool.use(signal, async (session) => {
      const publication = await readPublication(session, this.#plan, signal);
      const { rejects = [], kept = [] } = publication ?? {};
      const plan = this.#plan;
      const isPublished = publication !== null;
      const refused = [...rejects.map(({ key }) => key), ...kept];
      const live = await readDigested(session, plan, isPublished, signal);
      const scope = { plan, names: this.#names, range, countsOnly, isPublished, refused, live };
      return isKeyListed(session, scope)
        ? digestByKey(this.#pool, session, scope, signal)
        : digest(session, scope, signal);
    });
  }

  published(signal: AbortSignal): Promise<PublishCounts | null> {
    return this.#pool.use(signal, (session) => readPublication(session, this.#plan, signal));
  }

  publish(guard: LossGuard, signal: AbortSignal): Promise<PublishCounts> {
    const scene = { plan: this.#plan, names: this.#names, guard, context: this.#context };
    return this.#pool.use(signal, (session) => publish(session, scene, signal));
  }

  discard(signal: AbortSignal): Promise<void> {
    return this.#pool.use(signal, async (session) => {
      if (await hasState(session, signal)) await dropGenerations(session, this.#plan, this.#plan.generation, signal);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** The key is built once, after the data: half the cost of keeping it during the load. */
  async #seal(session: Session, signal: AbortSignal): Promise<void> {
    const { scratch, scratchName, keys } = this.#names;
    const action = `Building the key of a new generation of ${this.#names.live}`;
    const [table] = await session.query(
      action,
      `SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS keyed
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`,
      [this.#plan.table.schema, scratchName],
      signal,
    );
    // Published already: the scratch table has become the live one.
    if (table === undefined) return;
    if (this.#plan.isKeyDeclared === true && keys.length > 0) await this.#refuseDoubles(session, signal);
    if (this.#plan.kind === 'replace' && keys.length > 0 && table.keyed !== 't') {
      await session.script(
        action,
        `${this.#begin(session)}; SET LOCAL maintenance_work_mem = '256MB';
         ALTER TABLE ${scratch} ADD CONSTRAINT ${quoteName(`${scratchName}_pkey`)} PRIMARY KEY (${keys.join(', ')}); COMMIT`,
        signal,
      );
    }
    // A delta is joined only where its records cannot be looked up, which its publication finds out.
    if (this.#plan.kind === 'merge') await analyzeStage(session, this.#names, signal);
  }

  #begin(session: Session): string {
    return `BEGIN; ${toWorkName(session.name, this.#plan.table.name)}`;
  }

  async #refuseDoubles(session: Session, signal: AbortSignal): Promise<void> {
    const { scratch, live, keys } = this.#names;
    const isNull = keys.map((key) => `bool_or(${key} IS NULL)`).join(' OR ');
    const doubles = await session.query(
      `Looking whether the key of ${live} is unique`,
      `SELECT FROM ${scratch} GROUP BY ${keys.join(', ')} HAVING count(*) > 1 OR ${isNull} LIMIT 1`,
      [],
      signal,
    );
    if (doubles.length > 0) throw keyNotUnique(this.#plan);
  }
}

const SEGMENT = `
  SELECT s.committed::text AS committed, EXISTS (
    SELECT FROM pg_stat_activity a WHERE a.pid = s.pid AND a.backend_start::text = s.backend_start AND a.state <> 'idle') AS busy
  FROM __millrace.segments s
  WHERE s.sync_id = $1 AND s.schema_id = $2 AND s.generation = $3 AND s.segment = $4`;

/** A writer whose session is still at work may yet commit. */
async function lookUp(
  session: Session,
  plan: LoadPlan,
  segment: SegmentId,
  signal: AbortSignal,
): ReturnType<Load['lookup']> {
  const [row] = await session.query(
    `Looking up segment ${segment.no}`,
    SEGMENT,
    [plan.syncId, plan.schemaId, plan.generation, segment.no],
    signal,
  );
  // The outcome is what this connector stored at commit.
  if (row?.committed != null) return { state: 'committed', outcome: JSON.parse(row.committed) as SegmentOutcome };
  return { state: row?.busy === 't' ? 'unknown' : 'absent' };
}
