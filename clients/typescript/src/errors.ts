/** What the service answers instead of what was asked for. */

import type { Problem } from "./types.js";

/**
 * An answer that is not the one asked for: `status` is HTTP's, `problem` what the service says about it, where it was the
 * service that answered. A network that is away is no answer: `fetch`'s own TypeError, and for an abort the signal's reason.
 */
export class TelemetraError extends Error {
  override readonly name = "TelemetraError";

  constructor(
    message: string,
    readonly status: number,
    readonly problem: Problem | null = null,
    /** After so many seconds another try makes sense; null where the answer does not say. */
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
  }
}

export async function errorOf(response: Response): Promise<TelemetraError> {
  const { status } = response;
  const body = await response.json().catch(() => null);
  // A proxy's own page, or another service's error, is none.
  const problem: Problem | null = typeof body?.code === "string" && typeof body.detail === "string" ? body : null;
  return new TelemetraError(problem?.detail ?? `HTTP ${status}`, status, problem, retryAfter(response.headers));
}

function retryAfter(headers: Headers): number | null {
  const told = headers.get("Retry-After") ?? "";
  // Seconds, or a date.
  const seconds = /^\d+$/.test(told) ? +told : (Date.parse(told) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds);
}
