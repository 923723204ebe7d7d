/** What happens now, on standard error: standard output is for the results. */
export function say(line: string): void {
  console.error(line);
}
