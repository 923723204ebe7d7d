import { type Command, Option } from 'commander';
import type { CliActions, GlobalOptions, Run } from '../command.ts';
import { type Endpoint, parseEndpoint, type Side, withHeader } from '../copy/endpoint.ts';
import { readEndpointFile } from '../copy/endpoint-file.ts';
import { withPassword } from '../copy/password.ts';
import { runCopy } from '../copy/run-copy.ts';
import { isNamed, openServer } from '../copy/server.ts';
import { readPercent } from '../percent.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

interface CopyOptions extends GlobalOptions {
  readonly fromFile?: string;
  readonly toFile?: string;
  readonly tables?: string;
  readonly schema?: string;
  readonly header?: 'true' | 'false' | 'auto';
  readonly mode: 'snapshot' | 'replicate';
  readonly depth: 'checksums' | 'counts';
  readonly adopt?: boolean;
  readonly maxLossPercent?: string;
  readonly private?: boolean;
}

const ENDS_NOTE = `
<from> and <to> are one of:
  postgresql://user@host:5432/database   a PostgreSQL database
  shop.duckdb                            a DuckDB file
  orders.csv, data/*.parquet, exports/   files to read: CSV, JSON or Parquet
  lake/                                  a folder to write Parquet into
  csv:out/                               a folder to write CSV into
  shop                                   a connection that a running server has
Where a name does not tell, write duckdb:, parquet:, csv:, json: or connection: in front of it.

A password is taken from PGPASSWORD, or typed when asked. In a URL other users of this machine can read it; for two
different passwords use --from-file and --to-file, in which \${NAME} stands for a variable.`;

/** `copy`: tables from one system into another, once. */
export function addCopyCommand(program: Command, actions: CliActions, run: Run): void {
  program
    .command('copy')
    .description('copy tables between two systems once, without any set-up; exit code 0 when they were proved equal')
    .argument('[from]', 'where to read')
    .argument('[to]', 'where to write')
    .option('--from-file <file>', 'connection file in the place of <from>, as for `connections create`')
    .option('--to-file <file>', 'connection file in the place of <to>')
    .option('-t, --tables <names>', 'tables to copy, such as orders,public.*; all without it')
    .option('-s, --schema <name>', 'schema of the destination to write into')
    .addOption(
      new Option(
        '--header <header>',
        'whether the first lines of CSV files to read are names; found by looking without it',
      ).choices(['true', 'false', 'auto']),
    )
    .addOption(new Option('-m, --mode <mode>', 'how to write').choices(['snapshot', 'replicate']).default('snapshot'))
    .addOption(new Option('--depth <depth>', 'what to prove').choices(['checksums', 'counts']).default('checksums'))
    .option('--adopt', 'replace tables that are there already')
    .option('--max-loss-percent <percent>', 'another loss guard for tables that are replaced; 100 switches it off')
    .option('--private', 'start a server for this copy even when one runs')
    .addHelpText('after', ENDS_NOTE)
    .action((first: string | undefined, second: string | undefined, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<CopyOptions>();
      return run(options, (session) => copy(session, actions, [first, second], options));
    });
}

async function copy(
  session: Session,
  actions: CliActions,
  given: readonly (string | undefined)[],
  options: CopyOptions,
): Promise<number> {
  const folder = options.private !== true && isNamed(session, options) ? null : process.cwd();
  const { tables, schema, mode, depth, adopt = false } = options;
  const maxLossPercent =
    options.maxLossPercent === undefined ? null : readPercent('--max-loss-percent', options.maxLossPercent);
  const texts = given.filter((text) => text !== undefined);
  const read = await readEnd(session, { side: 'from', file: options.fromFile, folder }, texts);
  const from = withHeader(read, options.header);
  const to = await readEnd(session, { side: 'to', file: options.toFile, folder }, texts);
  if (texts.length > 0)
    throw new UsageError(`There is one end too many: ${texts[0]}. A file stands in the place of an end.`);
  const ends = [await withPassword(session, from, 'from'), await withPassword(session, to, 'to')] as const;
  await using server = await openServer(session, actions, options, ends);
  const how = { tables, schema, mode, depth, adopt, maxLossPercent };
  return await runCopy(session, server.client, { from: ends[0], to: ends[1], ...how });
}

interface EndWish {
  readonly side: Side;
  readonly file: string | undefined;
  /** Where relative paths start; null where they are the server's. */
  readonly folder: string | null;
}

/** Takes the end's text off `texts` where no file stands for it. */
async function readEnd(session: Session, { side, file, folder }: EndWish, texts: string[]): Promise<Endpoint> {
  if (file !== undefined) return readEndpointFile(session, file, folder);
  const text = texts.shift();
  if (text === undefined) throw new UsageError(`Name two ends: \`millrace copy <from> <to>\`. ${side} is missing.`);
  const end = parseEndpoint(text, side, folder);
  if (end.kind === 'new' && end.type === 'postgresql' && end.configuration.password !== undefined)
    session.err.line(
      `${side}: other users of this machine can read the password in the URL while this runs; PGPASSWORD hides it.`,
    );
  return end;
}
