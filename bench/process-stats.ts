import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** CPU seconds, user and system, since a process began. */
export interface CpuSeconds {
  /** The process and its descendants, threads included, PostgreSQL servers left out. */
  readonly own: number;
  /** The PostgreSQL servers among its descendants: our metadata database. */
  readonly databases: number;
}

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly seconds: number;
}

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const BYTES_PER_KIB = 1024;

/** CPU seconds of a process tree so far. Children that ended and were waited for are in their parent's figure. */
export function readCpu(pid: number): CpuSeconds {
  const processes = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : []));
  const members = descendantsOf(pid, processes);
  const isDatabase = ({ name }: ProcessStat) => name === 'postgres';
  return {
    own: sum(members.filter((member) => !isDatabase(member))),
    databases: sum(members.filter(isDatabase)),
  };
}

/** CPU seconds of one process without its children, such as one PostgreSQL backend. */
export function readOwnCpu(pid: number): number {
  const [, rest = ''] = splitStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const fields = rest.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of one process, in bytes: now, and its highest since the last reset. */
export function readMemory(pid: number): { now: number; highest: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (name: string) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))?.[1] ?? 0) * BYTES_PER_KIB;
  return { now: read('VmRSS'), highest: read('VmHWM') };
}

/** Sets the kernel's own high-water mark back to the present value: an exact peak without sampling. */
export function resetHighestMemory(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function descendantsOf(root: number, processes: readonly ProcessStat[]): ProcessStat[] {
  const found = processes.filter(({ pid }) => pid === root);
  // The list grows while it is walked: each member brings its children.
  for (const { pid } of found) found.push(...processes.filter(({ parent }) => parent === pid));
  return found;
}

function readStat(pid: number): ProcessStat | undefined {
  try {
    const [name = '', rest = ''] = splitStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    const fields = rest.split(' ');
    // state, ppid, …: utime, stime, cutime and cstime are fields 14 to 17 of the line, 11 to 14 after the name.
    const ticks = [11, 12, 13, 14].reduce((total, index) => total + Number(fields[index]), 0);
    return { pid, parent: Number(fields[1]), name, seconds: ticks / TICKS_PER_SECOND };
  } catch {
    // It ended while we looked.
    return undefined;
  }
}

/** The name stands in parentheses and may hold anything, so what follows the last one is cut off. */
function splitStat(line: string): [string, string] {
  const end = line.lastIndexOf(')');
  return [line.slice(line.indexOf('(') + 1, end), line.slice(end + 2)];
}

function sum(processes: readonly ProcessStat[]): number {
  return processes.reduce((total, { seconds }) => total + seconds, 0);
}
