import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readFileIfAny, writePrivateFile } from './private-file.ts';

const NAME = '.millrace-files';

/** The id that tells one installation's folder for files from others; undefined where none was written. */
export function readFilesMark(filesRoot: string): string | undefined {
  return readFileIfAny(join(filesRoot, NAME))?.trim();
}

/** Writes the mark, and makes the folder where it is missing. @returns the mark */
export function writeFilesMark(filesRoot: string, mark: string): string {
  mkdirSync(filesRoot, { recursive: true, mode: 0o700 });
  writePrivateFile(join(filesRoot, NAME), `${mark}\n`);
  return mark;
}
