/** Folder of a package, found upwards from `from` as Node does; undefined when it is not installed. */
export function findPackage(name: string, from: string): string | undefined;
/** Script behind a tool's name, from its package's `bin` field. */
export function findTool(packageName: string, tool: string, from: string): string | undefined;
/** Path of a Node that can run us: this one, or the one that npm installed beside us. `version` is this Node's. */
export function findNode(from: string, version?: string): string | undefined;
/** Flags of Node that keep the heap of a Millrace process small. */
export const HEAP_FLAGS: readonly string[];

/** Folder in which Node keeps compiled code between starts. */
export function compileCache(): string;
