import { readFileSync, writeFileSync } from 'node:fs';

/** Resident memory of another process: what it was when this was made, and how far it went beyond that. */
export interface MemoryWatch {
  /** The kernel's own high-water mark since then, above what there was then, in MB. */
  peakMegabytes(): number;
}

/** Begins to watch a process; the high-water mark is set back, so one watch at a time. */
export function watchMemory(pid: number): MemoryWatch {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  const before = read(pid, 'VmRSS');
  return { peakMegabytes: () => Math.round((read(pid, 'VmHWM') - before) / 1e6) };
}

function read(pid: number, name: string): number {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (line === null) throw new Error(`The kernel does not say ${name} of process ${pid}.`);
  return Number(line[1]) * 1024;
}
