/** When to try again what failed: as the server says, or after a pause that doubles, never all clients at once. */

import { TelemetraError } from "telemetra-client";

const FIRST_SECONDS = 1;
const LONGEST_SECONDS = 30;

export class Retry {
  #failures = 0;

  /** Return for how many milliseconds to wait after this failure. */
  after(error: unknown): number {
    const doubled = Math.min(FIRST_SECONDS * 2 ** this.#failures, LONGEST_SECONDS);
    this.#failures += 1;
    const advised = error instanceof TelemetraError ? error.retryAfterSeconds : null;
    return 1000 * (advised ?? doubled) * (1 + Math.random() / 2);
  }

  succeeded(): void {
    this.#failures = 0;
  }
}

/** Whether trying again without a change could help. */
export function isPassing(error: unknown): boolean {
  return !(error instanceof TelemetraError) || error.status === 0 || error.status === 429 || error.status >= 500;
}
