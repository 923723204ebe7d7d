import type { Command } from 'commander';
import type { Client } from '../../contract/index.ts';
import type { GlobalOptions, Run } from '../command.ts';
import { readConnectionFile } from '../connection-file.ts';
import { FILE_HELP } from '../definition-file.ts';
import { formatTable } from '../format.ts';
import { findConnection } from '../lookup.ts';
import { printJson, type Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

interface FileOptions extends GlobalOptions {
  readonly file: string;
  readonly secretStdin?: string;
}

const SECRET_HELP = 'read this field of the configuration from standard input';

/** `connections list|create|test`. */
export function addConnectionCommands(program: Command, run: Run): void {
  const connections = program.command('connections').description('systems that syncs read and write');
  connections
    .command('list')
    .description('list the connections')
    .action((_: unknown, command: Command) => run(command.optsWithGlobals<GlobalOptions>(), listConnections));
  connections
    .command('create')
    .description('check a connection against its system and store it')
    .requiredOption('-f, --file <file>', FILE_HELP)
    .option('--secret-stdin <field>', SECRET_HELP)
    .addHelpText('after', SECRETS_NOTE)
    .action((_: unknown, command: Command) => {
      const options = command.optsWithGlobals<FileOptions>();
      return run(options, (session) => createConnection(session, options));
    });
  connections
    .command('test')
    .description('check a stored connection, or a file before it is stored')
    .argument('[connection]', 'id or name')
    .option('-f, --file <file>', FILE_HELP)
    .option('--secret-stdin <field>', SECRET_HELP)
    .addHelpText('after', SECRETS_NOTE)
    .action((connection: string | undefined, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<Partial<FileOptions>>();
      return run(options, (session) => testConnection(session, connection, options));
    });
}

const SECRETS_NOTE = `
A secret never goes into the arguments, where other users of the machine could read it. Write it as \${NAME} and set
the variable, pipe it in with --secret-stdin, or leave it out of the file and type it when asked.`;

async function listConnections(session: Session): Promise<number> {
  const connections = await session.client().listConnections(session.signal);
  if (session.isJson) return printJson(session, connections);
  if (connections.length === 0) {
    session.out.line('There are no connections yet: `millrace connections create -f file.yaml` makes one.');
    return 0;
  }
  const columns = [{ title: 'name' }, { title: 'type' }, { title: 'status' }, { title: 'id' }];
  session.out.line(
    ...formatTable(
      columns,
      connections.map(({ name, type, status, id }) => [name, type.id, status, id]),
    ),
  );
  return 0;
}

async function createConnection(session: Session, options: FileOptions): Promise<number> {
  const client = session.client();
  const definition = await readConnectionFile(session, client, options);
  const connection = await client.createConnection(definition, session.signal);
  if (session.isJson) return printJson(session, connection);
  session.out.line(
    `Made the connection "${connection.name}" (${connection.type.id}, ${connection.status}): ${connection.id}`,
  );
  return 0;
}

async function testConnection(
  session: Session,
  idOrName: string | undefined,
  { file, ...options }: Partial<FileOptions>,
): Promise<number> {
  const client = session.client();
  if (idOrName !== undefined && file === undefined) await testStored(client, idOrName, session);
  else if (idOrName === undefined && file !== undefined) await testFile(session, client, { ...options, file });
  else throw new UsageError('Name either a stored connection or a file with -f.');
  if (session.isJson) return printJson(session, { ok: true });
  session.out.line('The connection works.');
  return 0;
}

async function testStored(client: Client, idOrName: string, { signal }: Session): Promise<void> {
  const { id, type } = await findConnection(client, idOrName, signal);
  await client.testConnection({ connection_id: id, type: type.id, configuration: {} }, signal);
}

async function testFile(session: Session, client: Client, options: FileOptions): Promise<void> {
  const { type, configuration } = await readConnectionFile(session, client, options);
  await client.testConnection({ type, configuration }, session.signal);
}
