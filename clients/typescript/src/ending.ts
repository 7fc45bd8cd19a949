/** How a connection ended, and what that means for whoever wants to go on. */

/** Why it is over for good. */
export type RefusalKind = "bad_text" | "policy" | "too_large" | "stream_not_found" | "credential" | "access" | "address";

/** The service, or this machine, says that trying again is no use. */
export class LiveRefused extends Error {
  override readonly name = "LiveRefused";

  constructor(
    readonly kind: RefusalKind,
    /** The close code (1007, 1008, 1009, 4404), or the HTTP status where no ticket was given (401, 403); 0 for an address. */
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** The end of a connection; without a `refusal` the next one may be better. */
export interface Ending {
  readonly reason: string;
  readonly advisedMs?: number | null;
  readonly refusal?: LiveRefused;
}

/** After these trying again is no use; after any other it is, also after one that nobody has heard of. */
const FINAL: Readonly<Record<number, RefusalKind>> = {
  1007: "bad_text",
  1008: "policy",
  1009: "too_large",
  4404: "stream_not_found",
  401: "credential",
  403: "access",
};
const LONGEST_ADVICE_MS = 300_000;

/** Returns what an HTTP status, or a close code, means. */
export function endingOf(code: number, reason: string, advisedMs: number | null): Ending {
  const kind = FINAL[code];
  if (kind) return { reason, refusal: new LiveRefused(kind, code, reason) };
  return { reason, advisedMs: advisedMs && Math.min(advisedMs, LONGEST_ADVICE_MS) };
}

/** Returns what a close frame means; `lastWords` are those of the error message before it. */
export function closing(code: number, told: string, wasOpen: boolean, lastWords: string): Ending {
  const advice = /reconnect_after_ms=(\d{1,9})/.exec(told);
  const unsaid = code !== 1006 ? `close code ${code}` : wasOpen ? "cut off" : "no connection";
  return endingOf(code, lastWords || (!advice && told) || unsaid, advice && Number(advice[1]));
}
