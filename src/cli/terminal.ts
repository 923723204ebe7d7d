/** The part of a stream that we use. */
export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow';

/** Where the command line speaks: plain text, colour only where somebody sees it. */
export interface Terminal {
  /** True when lines may be redrawn. */
  readonly isInteractive: boolean;
  readonly columns: number;
  readonly rows: number;
  /** One or more whole lines. */
  line(...lines: readonly string[]): void;
  /** Raw text, for redrawing. */
  write(text: string): void;
  style(style: Style, text: string): string;
}

const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  green: [32, 39],
  red: [31, 39],
  yellow: [33, 39],
};

/** `hasColour` false wins over a terminal (NO_COLOR); a pipe never gets colour. */
export function createTerminal(stream: OutputStream, options: { readonly hasColour: boolean }): Terminal {
  const isInteractive = stream.isTTY === true;
  return {
    isInteractive,
    get columns() {
      return stream.columns ?? 100;
    },
    get rows() {
      return stream.rows ?? 24;
    },
    line: (...lines) => {
      for (const line of lines) stream.write(`${line}\n`);
    },
    write: (text) => {
      stream.write(text);
    },
    style: (style, text) => {
      const [open, close] = CODES[style];
      return isInteractive && options.hasColour ? `\u001b[${open}m${text}\u001b[${close}m` : text;
    },
  };
}
