/**
 * How long to wait between attempts: exponential backoff with full jitter, so that a server that restarts meets its clients
 * spread over the whole interval (M. Brooker, 'Exponential Backoff And Jitter', AWS Architecture Blog, 2015).
 */

const FIRST_MS = 250;
const LONGEST_MS = 30_000;

export class Backoff {
  #attempts = 0;

  /** Returns the milliseconds to wait. The server's advice goes first, and never shortens what failures have added up to. */
  next(advisedMs: number | null): number {
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.#attempts, 16));
    const drawn = Math.random() * longest;
    return this.#attempts++ ? Math.max(advisedMs ?? 0, drawn) : (advisedMs ?? drawn);
  }

  /** Begins again: all is well. */
  reset(): void {
    this.#attempts = 0;
  }
}
