/** What the service answers instead of what was asked for. */

import type { Problem } from "./types.js";

/**
 * An answer that is not the one asked for: `status` is HTTP's, `problem` what the service says about it, where it was the
 * service that answered. A network that is away is no answer: `fetch`'s own TypeError, and for an abort the signal's reason.
 */
export class TelemetraError extends Error {
  override readonly name = "TelemetraError";
  readonly status: number;
  readonly problem: Problem | null;
  /** After so many seconds another try makes sense; null where the answer does not say. */
  readonly retryAfterSeconds: number | null;

  constructor(message: string, status: number, problem: Problem | null = null, retryAfterSeconds: number | null = null) {
    super(message);
    this.status = status;
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  static async of(response: Response): Promise<TelemetraError> {
    const { status } = response;
    const problem = await problemIn(response);
    return new TelemetraError(problem?.detail ?? `HTTP ${status}`, status, problem, retryAfter(response));
  }
}

async function problemIn(response: Response): Promise<Problem | null> {
  try {
    const body = (await response.json()) as Partial<Problem> | null;
    // A proxy's own page, or another service's error, is none.
    return typeof body?.code === "string" && typeof body.detail === "string" ? (body as Problem) : null;
  } catch {
    return null;
  }
}

function retryAfter(response: Response): number | null {
  const told = response.headers.get("Retry-After");
  if (!told) return null;
  const seconds = /^\d+$/.test(told) ? Number(told) : (Date.parse(told) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}
