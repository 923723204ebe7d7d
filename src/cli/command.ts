import type { ConfigOverrides, Environment } from '../runtime/index.ts';
import type { InputStream } from './prompt.ts';
import type { Session } from './session.ts';
import type { OutputStream } from './terminal.ts';

/** What only the process itself can do; `main.ts` passes it in. Each answers with the exit code. */
export interface CliActions {
  readonly version: string;
  serve(overrides: ConfigOverrides): Promise<number>;
  doctor(overrides: ConfigOverrides & { readonly isJson: boolean }): Promise<number>;
  backup(
    overrides: ConfigOverrides,
    request: { readonly file: string; readonly withKey: boolean; readonly isJson: boolean },
  ): Promise<number>;
  restore(
    overrides: ConfigOverrides,
    request: { readonly file: string; readonly replace: boolean; readonly isJson: boolean },
  ): Promise<number>;
  keys(overrides: ConfigOverrides, request: KeyCommand & { readonly isJson: boolean }): Promise<number>;
  rotateMaster(overrides: ConfigOverrides, request: { readonly isJson: boolean }): Promise<number>;
  /**
   * Starts a server of nobody else's in a temporary home; disposing ends it and removes the home.
   * @param options `filesFolder`: below it its connections may name files; null = nowhere
   */
  startPrivateServer(options: { readonly filesFolder: string | null }, signal: AbortSignal): Promise<PrivateServer>;
}

/** What is to be done with API keys on the server's machine. */
export type KeyCommand =
  | {
      readonly command: 'create';
      readonly kind: 'user' | 'partner' | 'deployment';
      /** Null = the only one there is. */
      readonly organizationId: string | null;
      /** The user's; null for other kinds. */
      readonly email: string | null;
    }
  | { readonly command: 'list' }
  | { readonly command: 'revoke'; readonly id: string };

/** A server that runs for one command. */
export interface PrivateServer extends AsyncDisposable {
  readonly url: string;
  readonly apiKey: string;
}

/** Where the command line reads and writes; this process unless a test says otherwise. */
export interface CliStreams {
  readonly input: InputStream;
  readonly output: OutputStream;
  readonly errors: OutputStream;
  readonly environment: Environment;
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly url?: string;
  readonly home?: string;
  readonly json?: boolean;
}

/** Runs a command against a server and notes its exit code. */
export type Run = (options: GlobalOptions, work: (session: Session) => Promise<number>) => Promise<void>;

/** Notes the exit code of a command that needs no server. */
export type RunHere = (work: () => Promise<number>) => Promise<void>;
