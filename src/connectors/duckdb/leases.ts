import { type FileLease, type LeaseMode, leaseFile } from '../../connector-kit/duckdb/index.ts';

/** Opens the database file as `mode` asks, on first use. @throws `FILE_LOCKED` and what DuckDB says */
export type Lease = (mode: LeaseMode) => Promise<FileLease>;

/** A connector's shares in its file, kept from one call to the next until it is disposed of. */
export class FileLeases implements AsyncDisposable {
  readonly #path: string;
  readonly #filesRoot: string;
  readonly #leased = new Map<LeaseMode, Promise<FileLease>>();

  constructor(path: string, filesRoot: string) {
    this.#path = path;
    this.#filesRoot = filesRoot;
  }

  get(mode: LeaseMode): Promise<FileLease> {
    const known = this.#leased.get(mode);
    if (known !== undefined) return known;
    const leased = leaseFile(this.#path, mode, this.#filesRoot);
    this.#leased.set(mode, leased);
    leased.catch(() => this.#leased.delete(mode));
    return leased;
  }

  /** Gives a share back before the end. A failed opening has told its caller already. */
  async drop(mode: LeaseMode): Promise<void> {
    const leased = this.#leased.get(mode);
    this.#leased.delete(mode);
    const lease = await leased?.catch(() => null);
    await lease?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const mode of [...this.#leased.keys()]) await this.drop(mode);
  }
}
