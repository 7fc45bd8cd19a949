/** One connection to the live socket, from its ticket to its end. Knows nothing of the one before, nor whether one follows. */

import { broken, closed, type Ending, endingOf, refused } from "./ending.js";
import { TelemetraError } from "./errors.js";
import { Pulse } from "./pulse.js";
import type { ConnectedMessage, ErrorMessage } from "./types.js";

/** How long a ticket, and then a handshake, may take. */
const OPEN_MS = 10_000;
/** How long a server may say nothing that has not told its heartbeat yet. */
const SILENCE_MS = 30_000;

/** What is used of a WebSocket: the browser's, Node's, and that of the package `ws` have it. */
export interface SocketLike {
  // Any: each has its own kinds of events.
  addEventListener(type: "open" | "message" | "close" | "error", listener: (event: any) => void): void;
  send(data: string): void;
  close(): void;
}
export type SocketClass = new (url: string) => SocketLike;

/** How to get in. */
export interface Door {
  readonly Socket: SocketClass;
  /** Returns the address to connect to, with a ticket where one is needed. */
  open(streamId: string, since: string | null, diagnose: boolean, signal: AbortSignal): Promise<string>;
}

type Heads = Pick<ConnectedMessage, "position" | "resumed" | "heartbeat_seconds"> & Pick<ErrorMessage, "detail">;
/** A message that came: it has a type, maybe one of a newer server's, and nothing else is sure. */
export type Told = { readonly type: string } & { readonly [Name in keyof Heads]?: unknown };

export interface Hearer {
  message(told: Told, characters: number): void;
  ended(ending: Ending, wasOpen: boolean): void;
}

export class Connection {
  readonly #hearer: Hearer;
  readonly #leaving = new AbortController();
  #socket: SocketLike | null = null;
  #pulse: Pulse | null = null;
  #opening: ReturnType<typeof setTimeout> | undefined;
  #lastWords: string | null = null;
  #isOver = false;

  constructor(door: Door, streamId: string, since: string | null, diagnose: boolean, hearer: Hearer) {
    this.#hearer = hearer;
    this.#await();
    door.open(streamId, since, diagnose, this.#leaving.signal).then(
      (url) => this.#isOver || this.#connect(door.Socket, url),
      (error: unknown) => this.#end(unopened(error)),
    );
  }

  /** There is reason to doubt that the other side is still there. */
  doubt(): void {
    this.#pulse?.doubt();
  }

  /** Lets go of it; nothing is heard of it any more. */
  leave(): void {
    this.#isOver = true;
    clearTimeout(this.#opening);
    this.#pulse?.stop();
    this.#leaving.abort();
    this.#socket?.close();
  }

  #connect(Socket: SocketClass, url: string): void {
    this.#await();
    let socket: SocketLike;
    try {
      socket = new Socket(url);
    } catch (error) {
      // A page that came by https may open no plain socket.
      this.#end(refused("address", 0, String(error)));
      return;
    }
    this.#socket = socket;
    // They stay on a socket that was let go of: what nobody hears of an error may end a whole Node process.
    socket.addEventListener("error", () => {});
    socket.addEventListener("open", () => this.#isOver || this.#opened(socket));
    socket.addEventListener("message", (event: { data: unknown }) => this.#isOver || this.#received(event.data));
    socket.addEventListener("close", (event: { code: number; reason: string }) =>
      this.#end(closed(event.code, event.reason, !!this.#pulse, this.#lastWords)),
    );
  }

  #opened(socket: SocketLike): void {
    clearTimeout(this.#opening);
    this.#pulse = new Pulse(
      SILENCE_MS,
      () => socket.send('{"type":"ping"}'),
      () => this.#end(broken("nothing heard any more")),
    );
  }

  #received(data: unknown): void {
    this.#pulse?.heard();
    const told = read(data);
    if (!told) {
      this.#end(broken("what came is no live message"));
      return;
    }
    const { heartbeat_seconds: heartbeatSeconds, detail } = told;
    if (typeof heartbeatSeconds === "number" && heartbeatSeconds > 0) this.#pulse?.expect(2_000 * heartbeatSeconds);
    if (typeof detail === "string") this.#lastWords = detail;
    this.#hearer.message(told, (data as string).length);
  }

  #await(): void {
    clearTimeout(this.#opening);
    this.#opening = setTimeout(() => this.#end(broken(`no answer within ${OPEN_MS / 1000} s`)), OPEN_MS);
  }

  #end(ending: Ending): void {
    if (this.#isOver) return;
    const wasOpen = !!this.#pulse;
    this.leave();
    this.#hearer.ended(ending, wasOpen);
  }
}

function unopened(error: unknown): Ending {
  if (!(error instanceof TelemetraError)) return broken(error instanceof Error ? error.message : String(error));
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
