/** What went wrong, in the reader's words, and what can be done about it. */

import { TelemetraError } from "telemetra-client";

export interface Fault {
  readonly kind: "token" | "denied" | "unknown" | "passing" | "other";
  readonly title: string;
  readonly detail: string;
}

export function faultOf(error: unknown): Fault {
  if (!(error instanceof TelemetraError)) {
    return navigator.onLine
      ? { kind: "passing", title: "The service can't be reached", detail: "It is tried again by itself." }
      : { kind: "passing", title: "You are offline", detail: "It goes on when the network is back." };
  }
  const detail = error.problem?.detail ?? error.message;
  switch (error.status) {
    case 401:
      return { kind: "token", title: "A token is needed", detail };
    case 403:
      return { kind: "denied", title: "This token is not for that", detail };
    case 404:
      return { kind: "unknown", title: "There is no such stream", detail };
    case 429:
      return { kind: "passing", title: "Too many requests", detail: "It is tried again in a while." };
    case 503:
      return { kind: "passing", title: "The service is not available right now", detail };
    default:
      return { kind: error.status >= 500 ? "passing" : "other", title: `The service answered ${error.status}`, detail };
  }
}
