/** One connection to the live socket, from its ticket to its end. Knows nothing of the one before, nor whether one follows. */

import { closing, type Ending, endingOf, LiveRefused } from "./ending.js";
import { TelemetraError } from "./errors.js";
import { type Pulse, pulseOf } from "./pulse.js";
import type { ConnectedMessage, ErrorMessage } from "./types.js";

/** How long a ticket, and then a handshake, may take. */
const OPEN_MS = 10_000;
/** How long a server may say nothing that has not told its heartbeat yet. */
const SILENCE_MS = 30_000;
/** More is none that a timer can count. */
const LONGEST_SILENCE_MS = 86_400_000;
/** A handshake older than this is begun again where there is reason to doubt it. */
const FRESH_MS = 1_000;

/** What is used of a WebSocket: the browser's, Node's, and that of the package `ws` have it. */
export interface SocketLike {
  // Any: each has its own kinds of events.
  addEventListener(type: "open" | "message" | "close" | "error", listener: (event: any) => void): void;
  send(data: string): void;
  close(): void;
}
export type SocketClass = new (url: string) => SocketLike;

/** How to get in to one stream. */
export interface Door {
  readonly Socket: SocketClass;
  /**
   * Returns the address to connect to, with a ticket where one is needed. `diagnose`: the handshake before failed, for which a
   * browser gives no reason, so ask for one first. Throws what the service answers instead.
   */
  open(since: string | null, diagnose: boolean, signal: AbortSignal): Promise<string>;
}

type Heads = Pick<ConnectedMessage, "position" | "resumed" | "heartbeat_seconds"> & Pick<ErrorMessage, "detail">;
/** A message that came: it has a type, maybe one of a newer server's, and nothing else is sure. */
export type Told = { readonly type: string } & { readonly [Name in keyof Heads]?: unknown };

export interface Connection {
  /** There is reason to doubt that the other side is still there, or was ever reached. */
  doubt(): void;
  /** Lets go of it: nothing is heard of it any more. */
  leave(): void;
}

/** Connects, and tells each message until the end, once. */
export function connect(
  { Socket, open }: Door,
  since: string | null,
  diagnose: boolean,
  onMessage: (told: Told, characters: number) => void,
  onEnd: (ending: Ending, wasOpen: boolean) => void,
): Connection {
  const begunAt = Date.now();
  const leaving = new AbortController();
  let socket: SocketLike | undefined;
  let pulse: Pulse | undefined;
  let timer: ReturnType<typeof setTimeout>;
  let lastWords = "";
  let isOver = false;

  const leave = (): void => {
    isOver = true;
    clearTimeout(timer);
    pulse?.stop();
    leaving.abort();
    socket?.close();
  };
  const end = (ending: Ending): void => {
    if (isOver) return;
    leave();
    onEnd(ending, !!pulse);
  };
  const hurry = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => end({ reason: `no answer within ${OPEN_MS / 1000} s` }), OPEN_MS);
  };
  const receive = (data: unknown): void => {
    if (isOver) return;
    pulse?.heard();
    const told = read(data);
    if (!told) return end({ reason: "what came is no live message" });
    const { heartbeat_seconds: heartbeat, detail } = told;
    if (typeof heartbeat === "number" && heartbeat > 0) pulse?.expect(Math.min(2_000 * heartbeat, LONGEST_SILENCE_MS));
    if (typeof detail === "string") lastWords = detail;
    onMessage(told, (data as string).length);
  };
  const hearIn = (mine: SocketLike): void => {
    // It stays on a socket that was let go of: an error that nobody hears may end a whole Node process.
    mine.addEventListener("error", () => {});
    mine.addEventListener("open", () => {
      if (isOver) return;
      clearTimeout(timer);
      pulse = pulseOf(
        SILENCE_MS,
        () => mine.send('{"type":"ping"}'),
        () => end({ reason: "nothing heard any more" }),
      );
    });
    mine.addEventListener("message", (event: { data: unknown }) => receive(event.data));
    mine.addEventListener("close", (event: { code: number; reason: string }) =>
      end(closing(event.code, event.reason, !!pulse, lastWords)),
    );
  };

  hurry();
  open(since, diagnose, leaving.signal).then(
    (url) => {
      if (isOver) return;
      hurry();
      try {
        socket = new Socket(url);
      } catch (error) {
        // A page that came by https may open no plain socket.
        return end({ reason: `${error}`, refusal: new LiveRefused("address", 0, `${error}`) });
      }
      hearIn(socket);
    },
    (error: unknown) => end(unopened(error)),
  );
  return {
    doubt() {
      if (pulse) pulse.doubt();
      else if (Date.now() - begunAt > FRESH_MS) end({ reason: "no answer yet", advisedMs: 0 });
    },
    leave,
  };
}

function unopened(error: unknown): Ending {
  if (!(error instanceof TelemetraError)) return { reason: `${error}` };
  return endingOf(error.status, error.message, error.retryAfterSeconds && error.retryAfterSeconds * 1000);
}

function read(data: unknown): Told | null {
  try {
    const told = JSON.parse(data as string) as Told | null;
    return typeof told?.type === "string" ? told : null;
  } catch {
    return null;
  }
}
