/** A table of a database; `schema` is '' where it has none. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}
