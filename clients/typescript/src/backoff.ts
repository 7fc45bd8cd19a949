/**
 * How long to wait between attempts: exponential backoff with full jitter, so that a server that restarts meets its clients
 * spread over the whole interval (M. Brooker, 'Exponential Backoff And Jitter', AWS Architecture Blog, 2015).
 */

const FIRST_MS = 250;
const LONGEST_MS = 30_000;

/**
 * Returns the milliseconds to wait after so many attempts that failed before this one. The server's advice goes first, and never
 * shortens what failures have added up to.
 */
export function delayAfter(failures: number, advisedMs: number | null): number {
  const drawn = Math.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** failures);
  return failures ? Math.max(advisedMs ?? 0, drawn) : (advisedMs ?? drawn);
}
