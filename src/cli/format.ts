/** Grouped digits, the same on every machine: `3,000,000`. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** Bytes a second in decimal megabytes, as databases and disks are rated: `52.1 MB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${(bytesPerSecond / 1_000_000).toFixed(1)} MB/s`;
}

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** A moment as people read it, in UTC and without fractions: `2025-11-22 08:04:20Z`. */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime())
    ? iso
    : time
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, 'Z');
}

/** Number of terminal cells; combining marks and control characters take none. Wide scripts count two. */
export function cellWidth(text: string): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

function widthOf(character: string): number {
  if (/[\p{Mn}\p{Me}\p{Cc}\p{Cf}]/u.test(character)) return 0;
  return /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uFF01-\uFF60]/u.test(
    character,
  )
    ? 2
    : 1;
}

/** Cuts to at most `cells` terminal cells, with an ellipsis where something was lost. */
export function cutToWidth(text: string, cells: number): string {
  if (cellWidth(text) <= cells) return text;
  let kept = '';
  let width = 0;
  for (const character of text) {
    const next = width + widthOf(character);
    if (next > cells - 1) break;
    kept += character;
    width = next;
  }
  return `${kept}…`;
}

/** Pads with spaces on the free side; longer text is left as it is. */
function padTo(text: string, cells: number, align: 'left' | 'right' = 'left'): string {
  const padding = ' '.repeat(Math.max(0, cells - cellWidth(text)));
  return align === 'left' ? text + padding : padding + text;
}

/** One column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Aligned lines without borders, the titles first. Control characters of names cannot break a line. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => row.map(toOneLine))];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => cellWidth(row[index] ?? ''))));
  return cells.map((row) =>
    columns
      .map((column, index) => padTo(row[index] ?? '', widths[index] ?? 0, column.align))
      .join('  ')
      .trimEnd(),
  );
}

/** Text that others chose, made safe for a terminal: no line breaks, no escape sequences. */
export function toOneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
  return text.replace(/\s+/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '');
}
