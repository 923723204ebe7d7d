/** The database that a connection leads to, by whatever address, tunnel or user it is reached. */
export interface DatabaseIdentity {
  /** Of a database on its server as it runs now; null for a standby, which only repeats another server. */
  readonly running: string | null;
  /** The same for a server and its standbys; null where the system does not tell it. */
  readonly history: string | null;
}

/** True when what is written to one of them is read from the other. */
export function isSameDatabase(one: DatabaseIdentity, other: DatabaseIdentity): boolean {
  // Servers that were copied as a whole have one history and are two all the same.
  if (one.running !== null && other.running !== null) return one.running === other.running;
  return one.history !== null && one.history === other.history;
}
