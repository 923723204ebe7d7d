export { executionLine, executionTable } from './execution.ts';
export { type Column, formatCount, formatDuration, formatTable } from './format.ts';
export { runCli } from './main.ts';
export { receiptLines } from './receipt.ts';
export { waitForSchemas } from './schemas.ts';
export { createTerminal, type Terminal } from './terminal.ts';
export { watchExecution } from './watch.ts';
