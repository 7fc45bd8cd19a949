/**
 * A stream followed through any number of connections, with nothing lost and nothing doubled between them: each resumes at the
 * position of the last message that was handed over.
 */

import { Backoff } from "./backoff.js";
import { Connection, type Door, type Hearer, type Told } from "./connection.js";
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
  readonly #door: Door;
  readonly #streamId: string;
  readonly #handlers: LiveHandlers;
  readonly #backoff = new Backoff();
  readonly #unhear: () => void;
  #position: string | null;
  #status: LiveStatus = { state: "connecting", retryAt: null, reason: null, error: null };
  #connection: Connection | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #diagnose = false;
  #isOver = false;

  /** @internal */
  constructor(door: Door, streamId: string, since: string | null, handlers: LiveHandlers) {
    this.#door = door;
    this.#streamId = streamId;
    this.#position = since;
    this.#handlers = handlers;
    this.#unhear = onWake(
      () => this.#wake(),
      () => this.#connection?.doubt(),
    );
    // Not before whoever makes it has it.
    queueMicrotask(() => this.#isOver || this.#connect());
  }

  /** The position of the last message that was handed over (in `onMessage`: of this one); before that `since`. */
  get position(): string | null {
    return this.#position;
  }

  get status(): LiveStatus {
    return this.#status;
  }

  /** Ends it for good: nothing is called after it. */
  close(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#status = { state: "closed", retryAt: null, reason: null, error: null };
  }

  #connect(): void {
    clearTimeout(this.#retry);
    const hearer: Hearer = {
      message: (told, characters) => this.#received(told, characters),
      ended: (ending, wasOpen) => this.#ended(ending, wasOpen),
    };
    this.#connection = new Connection(this.#door, this.#streamId, this.#position, this.#diagnose, hearer);
    this.#tell("connecting", this.#status.reason);
  }

  #received(told: Told, characters: number): void {
    const { type, position, resumed } = told;
    // A `connected` that does not resume is no place to stand: what the reader holds is older until the snapshot comes.
    if (typeof position === "string" && (type !== "connected" || resumed)) this.#position = position;
    if (type === "connected") this.#tell("live");
    // Not before: a server that greets and then fails would be asked again at once, for ever.
    else if (type !== "error") this.#backoff.reset();
    if (!this.#isOver && Object.hasOwn(KNOWN, type)) {
      guarded(() => this.#handlers.onMessage(told as unknown as LiveMessage, characters));
    }
  }

  #ended(ending: Ending, wasOpen: boolean): void {
    this.#connection = null;
    if (ending.refusal) {
      this.#finish();
      this.#tell("closed", ending.reason, null, ending.refusal);
      return;
    }
    // A browser does not tell why a handshake failed; a ticket's refusal does.
    this.#diagnose = !wasOpen;
    const delayMs = this.#backoff.next(ending.advisedMs);
    this.#retry = setTimeout(() => this.#connect(), delayMs);
    this.#tell("waiting", ending.reason, Date.now() + delayMs);
  }

  #wake(): void {
    this.#backoff.reset();
    if (this.#connection) this.#connection.doubt();
    else if (this.#status.state === "waiting") this.#connect();
  }

  #finish(): void {
    this.#isOver = true;
    this.#unhear();
    clearTimeout(this.#retry);
    this.#connection?.leave();
    this.#connection = null;
  }

  #tell(state: LiveState, reason: string | null = null, retryAt: number | null = null, error: LiveRefused | null = null): void {
    this.#status = { state, retryAt, reason, error };
    guarded(() => this.#handlers.onStatus?.(this.#status));
  }
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
