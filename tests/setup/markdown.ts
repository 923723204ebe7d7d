import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/** A page of the documentation. */
export interface Page {
  /** Path from the root of the checkout. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block. */
export interface Block {
  /** Words behind the fence: the language, then what a test knows the block by. */
  readonly language: string;
  readonly label: string;
  readonly text: string;
}

/** Reads a page by its path from the root of the checkout. */
export function readPage(path: string): Page {
  return { path, text: readFileSync(join(ROOT, path), 'utf8') };
}

/** The fenced blocks of a page, in order. */
export function listBlocks({ text }: Page): Block[] {
  return [...text.matchAll(/^```(\S*)[ \t]*(.*)\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', label = '', content = '']) => ({ language, label, text: content }),
  );
}

/** The only text of the blocks with that label, joined. @throws when there is none */
export function readBlocks(page: Page, label: string): string {
  const found = listBlocks(page).filter((block) => block.label === label);
  if (found.length === 0) throw new Error(`${page.path} has no block "${label}".`);
  return found.map((block) => block.text).join('\n');
}

/** Cells of the table whose header begins with that title, without the header; backticks are taken off. */
export function readTable(page: Page, firstTitle: string): string[][] {
  const lines = page.text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${firstTitle} |`));
  if (start === -1) throw new Error(`${page.path} has no table with the title "${firstTitle}".`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return lines.slice(start + 2, end === -1 ? undefined : end).map(toCells);
}

/** The page's text with other rows in the table whose header begins with that title. */
export function writeTable({ path, text }: Page, firstTitle: string, rows: readonly (readonly string[])[]): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${firstTitle} |`));
  if (start === -1) throw new Error(`${path} has no table with the title "${firstTitle}".`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  const written = rows.map((cells) => `| ${cells.join(' | ')} |`);
  return [...lines.slice(0, start + 2), ...written, ...(end === -1 ? [] : lines.slice(end))].join('\n');
}

function toCells(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('`', ''));
}

/** Targets of the page's links, as written. */
export function listLinks({ text }: Page): string[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
}

/** What a link may name behind `#`: the headings, written as GitHub does. */
export function listAnchors({ text }: Page): string[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '');
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
