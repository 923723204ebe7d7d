import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBType,
  type Json,
  JsonDuckDBValueConverter,
  StatementType,
} from '@duckdb/node-api';

/** What the child is asked: one statement of a user on one file. */
export interface QuestionToChild {
  readonly path: string;
  readonly text: string;
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly memoryBytes: number;
}

/** What it answers, once. `phase` tells whose fault a failure is: the file's, or the statement's. */
export type AnswerOfChild =
  | { readonly phase: 'opening' | 'query'; readonly error: string }
  | {
      readonly names: readonly string[];
      readonly types: readonly string[];
      readonly rows: readonly (readonly (Json | null)[])[];
      readonly isComplete: boolean;
    };

/**
 * Entry of a process of its own, in which a user's statement may do what it likes: the file is open for reading only, DuckDB
 * can reach nothing else, no later statement can change that, and whoever started the process kills it when it takes too long.
 */
process.once('message', (question) => {
  // Sent by `runQuery`, which is the only one to start this file.
  answer(question as QuestionToChild).then(
    // Who hears it ends this process: an end of our own could be noticed before the answer is.
    (found) => process.send?.(found),
    () => process.exit(1),
  );
});

// Nobody waits for the answer any more: whoever started this process has died.
process.once('disconnect', () => process.exit(1));

async function answer(question: QuestionToChild): Promise<AnswerOfChild> {
  let phase: 'opening' | 'query' = 'opening';
  try {
    const connection = await open(question);
    phase = 'query';
    return await ask(connection, question);
  } catch (error) {
    return { phase, error: error instanceof Error ? error.message : String(error) };
  }
}

async function open({ path, memoryBytes }: QuestionToChild): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(path, {
    access_mode: 'READ_ONLY',
    memory_limit: `${Math.floor(memoryBytes / (1024 * 1024))}MiB`,
    threads: '1',
    temp_directory: '',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
  return connection;
}

/** JSON is text by another name. */
function nameOf(type: DuckDBType): string {
  return type.alias === 'JSON' ? 'JSON' : String(type);
}

async function ask(connection: DuckDBConnection, question: QuestionToChild): Promise<AnswerOfChild> {
  const { text, maxRecords, maxBytes } = question;
  const statements = await connection.extractStatements(text);
  if (statements.count !== 1) throw new Error('Parser Error: there must be one statement');
  const prepared = await statements.prepare(0);
  if (prepared.statementType !== StatementType.SELECT) throw new Error('Parser Error: the statement must be a SELECT');
  const indexes = Array.from({ length: prepared.columnCount }, (_, index) => index);
  const names = indexes.map((index) => prepared.columnName(index));
  const types = indexes.map((index) => nameOf(prepared.columnType(index)));
  const rows: (readonly (Json | null)[])[] = [];
  if (maxRecords === 0) return { names, types, rows, isComplete: true };
  const result = await prepared.stream();
  let bytes = 0;
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const row of chunk.convertRows(JsonDuckDBValueConverter)) {
      bytes += JSON.stringify(row).length;
      if (rows.length === maxRecords || bytes > maxBytes) return { names, types, rows, isComplete: false };
      rows.push(row);
    }
  }
  return { names, types, rows, isComplete: true };
}
