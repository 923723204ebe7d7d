import { masterKeyOf, openDatabase } from './metadata-database.ts';
import { type ConfigOverrides, lockHome, prepareHome, readConfig, toDatabaseError } from './runtime/index.ts';
import { type Rotation, rotateMasterKey } from './store/index.ts';

/** Exchanges the master key while no server runs. Answers with the exit code. */
export async function runRotateMaster(
  overrides: ConfigOverrides,
  { isJson }: { readonly isJson: boolean },
): Promise<number> {
  const config = readConfig(undefined, overrides);
  prepareHome(config.home);
  const lock = lockHome(config.home);
  try {
    await using database = await openDatabase(config, 'is ours');
    const { url } = database;
    const { newEncryptionKey } = config;
    const rotation = await rotateMasterKey({
      url,
      masterKey: masterKeyOf(config),
      newKey: newEncryptionKey === undefined ? null : Buffer.from(newEncryptionKey).toString('hex'),
      isAlone: config.databaseUrl === undefined,
    }).catch((error: unknown) => {
      throw toDatabaseError(error, url);
    });
    process.stdout.write(isJson ? `${JSON.stringify(toDocument(rotation), undefined, 2)}\n` : describe(rotation));
    return 0;
  } finally {
    lock.release();
  }
}

function toDocument({ keyVersion, resealed, unreadable, oldKeyFile }: Rotation): object {
  return { key_version: keyVersion, resealed, unreadable, old_key_file: oldKeyFile };
}

function describe({ resealed, unreadable, oldKeyFile }: Rotation): string {
  return [
    `Sealed ${resealed} secrets under the new master key.`,
    ...(unreadable > 0
      ? [`The old key did not open ${unreadable} others; they are as unreadable as before. Enter them again.`]
      : []),
    oldKeyFile === null
      ? 'Put the new key into MILLRACE_ENCRYPTION_KEY of every server, and take MILLRACE_NEW_ENCRYPTION_KEY away.'
      : `The old key is kept in ${oldKeyFile}: backups made under it need it. Move it away from this machine, or delete it.`,
    'Start the server: millrace serve',
    '',
  ].join('\n');
}
