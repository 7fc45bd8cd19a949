/**
 * A stream followed through any number of connections, with nothing lost and nothing doubled between them: each resumes at the
 * position of the last message that was handed over.
 */

import { delayAfter } from "./backoff.js";
import { type Connection, connect, type Door, type Told } from "./connection.js";
import type { Ending, LiveRefused } from "./ending.js";
import type { LiveMessage } from "./types.js";
import { onWake } from "./wake.js";

/** `connecting`: on its way; `live`: connected; `waiting`: for the next attempt; `closed`: by you, or refused for good. */
export type LiveState = "connecting" | "live" | "waiting" | "closed";

export interface LiveStatus {
  readonly state: LiveState;
  /** When the next attempt is due, in milliseconds since 1970 (as `Date.now()`); null where none is. */
  readonly retryAt: number | null;
  /** Why there is no connection, in words; null while all is well. Parts of it may be the server's. */
  readonly reason: string | null;
  /** Why it is over for good. */
  readonly error: LiveRefused | null;
}

export interface LiveOptions {
  /** Where to begin: the position of an answer, or of a message handed over earlier. Without it: a snapshot, and then on. */
  since?: string | null | undefined;
  /**
   * Is handed each message, once. What it throws is reported as an uncaught error, as of any event listener; the message
   * counts as handed over, does not come again, and the stream goes on.
   */
  onMessage: (message: LiveMessage) => void;
  /** Is told each change of the state. */
  onStatus?: ((status: LiveStatus) => void) | undefined;
}

/** What the dispatcher needs: also how long each message was, for who keeps them. */
export interface LiveHandlers {
  onMessage: (message: LiveMessage, characters: number) => void;
  onStatus?: ((status: LiveStatus) => void) | undefined;
}

/** Each type that is handed over. A newer server's others are not, but their positions count. */
const KNOWN: Readonly<Record<LiveMessage["type"], true>> = {
  connected: true,
  snapshot: true,
  metrics: true,
  moment: true,
  stream: true,
  removed: true,
  heartbeat: true,
  pong: true,
  error: true,
};

/** Follows a stream from its making until `close()`; made by `Telemetra.live`. */
export class LiveStream {
  readonly #following: Following;

  constructor(door: Door, since: string | null, handlers: LiveHandlers) {
    this.#following = following(door, since, handlers);
  }

  /** The position of the last message that was handed over (in `onMessage`: of this one); before that `since`. */
  get position(): string | null {
    return this.#following.position();
  }

  get status(): LiveStatus {
    return this.#following.status();
  }

  /** Ends it for good: nothing is called after it. */
  close(): void {
    this.#following.close();
  }
}

interface Following {
  position(): string | null;
  status(): LiveStatus;
  close(): void;
}

function following(door: Door, position: string | null, handlers: LiveHandlers): Following {
  let status = statusOf("connecting");
  let connection: Connection | null = null;
  let retry: ReturnType<typeof setTimeout>;
  let failures = 0;
  let diagnose = false;
  let isOver = false;

  const tell = (next: LiveStatus): void => {
    status = next;
    guarded(() => handlers.onStatus?.(next));
  };
  const begin = (): void => {
    clearTimeout(retry);
    connection = connect(door, position, diagnose, receive, ended);
    tell(statusOf("connecting", status.reason));
  };
  const receive = (told: Told, characters: number): void => {
    const { type, resumed } = told;
    // A `connected` that does not resume is no place to stand: what the reader holds is older until the snapshot comes.
    if (typeof told.position === "string" && (type !== "connected" || resumed)) position = told.position;
    if (type === "connected") tell(statusOf("live"));
    // Not before: a server that greets and then fails would be asked again at once, for ever.
    else if (type !== "error") failures = 0;
    if (!isOver && Object.hasOwn(KNOWN, type)) guarded(() => handlers.onMessage(told as unknown as LiveMessage, characters));
  };
  const ended = ({ reason, advisedMs = null, refusal }: Ending, wasOpen: boolean): void => {
    connection = null;
    if (refusal) {
      finish();
      return tell(statusOf("closed", reason, null, refusal));
    }
    diagnose = !wasOpen;
    const delayMs = delayAfter(failures++, advisedMs);
    retry = setTimeout(begin, delayMs);
    tell(statusOf("waiting", reason, Date.now() + delayMs));
  };
  const finish = (): void => {
    isOver = true;
    unhear();
    clearTimeout(retry);
    connection?.leave();
  };
  const doubt = (): void => connection?.doubt();
  const unhear = onWake(() => {
    failures = 0;
    doubt();
    if (status.state === "waiting") begin();
  }, doubt);
  // Not before whoever makes it has it.
  queueMicrotask(() => isOver || begin());

  return {
    position: () => position,
    status: () => status,
    close() {
      if (isOver) return;
      finish();
      status = statusOf("closed");
    },
  };
}

function statusOf(
  state: LiveState,
  reason: string | null = null,
  retryAt: number | null = null,
  error: LiveRefused | null = null,
): LiveStatus {
  return { state, retryAt, reason, error };
}

/** Keeps what the user's code throws away from ours, and reports it as any uncaught error. */
function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
