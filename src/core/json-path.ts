/** One step of a path: `.name`, `["any name"]`, `['any name']` or `[3]`. A bare `*` stands for several values elsewhere, so it is none. */
const STEP = /\.(?!\*(?:[.[]|$))([^.[\]"'\s]+)|\[(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\d+))\]/y;

/**
 * The parts of a path such as `$.payload.items[0]["unit price"]`; the leading `$` may be left out. Positions of lists
 * are digits among the parts. Null when the text is no such path.
 */
export function parseJsonPath(text: string): string[] | null {
  const trimmed = text.trim();
  const path = trimmed.startsWith('$') ? trimmed.slice(1) : /^[.[]/.test(trimmed) ? trimmed : `.${trimmed}`;
  const parts: string[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < path.length) {
    const [, name, double, single, position] = STEP.exec(path) ?? [];
    const part = name ?? toPlain(double ?? single) ?? position;
    if (part === undefined) return null;
    parts.push(part);
  }
  return parts.length === 0 ? null : parts;
}

function toPlain(quoted: string | undefined): string | undefined {
  return quoted?.replace(/\\(.)/gs, '$1');
}

/** The inverse: plain words behind a dot, everything else quoted. Digits stay quoted, which a reader takes for both. */
export function formatJsonPath(parts: readonly string[]): string {
  const steps = parts.map((part) =>
    /^[A-Za-z_][A-Za-z0-9_]*$/.test(part) ? `.${part}` : `["${part.replace(/["\\]/g, '\\$&')}"]`,
  );
  return `$${steps.join('')}`;
}
