/** How a connection ended, and what that means for whoever wants to go on. */

/** Why the service ends it for good. */
export type RefusalKind = "bad_text" | "policy" | "too_large" | "stream_not_found" | "credential" | "access" | "address";

/** The service, or this machine, says that trying again is no use. */
export class LiveRefused extends Error {
  override readonly name = "LiveRefused";
  readonly kind: RefusalKind;
  /** The close code (1007, 1008, 1009, 4404), or the HTTP status where no ticket was given (401, 403); 0 for an address. */
  readonly code: number;

  constructor(kind: RefusalKind, code: number, message: string) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

/** The end of a connection; without a `refusal` the next one may be better. */
export interface Ending {
  readonly reason: string;
  readonly advisedMs: number | null;
  readonly refusal: LiveRefused | null;
}

const FINAL: Readonly<Record<number, RefusalKind>> = {
  1007: "bad_text",
  1008: "policy",
  1009: "too_large",
  4404: "stream_not_found",
  401: "credential",
  403: "access",
};
const LONGEST_ADVICE_MS = 300_000;

export function broken(reason: string, advisedMs: number | null = null): Ending {
  return { reason, advisedMs: advisedMs === null ? null : Math.min(advisedMs, LONGEST_ADVICE_MS), refusal: null };
}

export function refused(kind: RefusalKind, code: number, reason: string): Ending {
  return { reason, advisedMs: null, refusal: new LiveRefused(kind, code, reason) };
}

/** Returns what an HTTP status, or a close code, means: only a few are final, and none that nobody has heard of. */
export function endingOf(code: number, reason: string, advisedMs: number | null): Ending {
  const kind = FINAL[code];
  return kind ? refused(kind, code, reason) : broken(reason, advisedMs);
}

/** Returns what a close frame means; `lastWords` are those of the error message before it. */
export function closed(code: number, told: string, wasOpen: boolean, lastWords: string | null): Ending {
  const advice = /reconnect_after_ms=(\d{1,9})/.exec(told);
  const unsaid = code !== 1006 ? `close code ${code}` : wasOpen ? "cut off" : "no connection";
  return endingOf(code, lastWords || (!advice && told) || unsaid, advice && Number(advice[1]));
}
