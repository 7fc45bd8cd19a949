/** A server that a test plays itself: the sockets that a client opened, and the tickets that it asked for. */

import { Telemetra, type LiveMessage, type LiveStatus, type LiveStream, type TelemetraOptions } from "../src/index.js";
import { settled } from "./clock.js";

type Listener = (event: unknown) => void;

export class FakeSocket {
  readonly sent: string[] = [];
  wasClosed = false;
  #listeners: [type: string, listener: Listener][] = [];

  constructor(readonly url: URL) {}

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.push([type, listener]);
  }

  send(data: string): void {
    this.sent.push(data);
  }

  close(): void {
    this.wasClosed = true;
  }

  /** The handshake succeeds. */
  open(): void {
    this.#fire("open", {});
  }

  /** The server says something; an object as JSON. */
  say(data: unknown): void {
    this.#fire("message", { data: typeof data === "string" ? data : JSON.stringify(data) });
  }

  sayBinary(): void {
    this.#fire("message", { data: new ArrayBuffer(2) });
  }

  /** The connection ends; 1006 is without a word. */
  end(code = 1006, reason = ""): void {
    if (code === 1006) this.#fire("error", {});
    this.#fire("close", { code, reason });
  }

  get since(): string | null {
    return this.url.searchParams.get("since");
  }

  get ticket(): string | null {
    return this.url.searchParams.get("ticket");
  }

  #fire(type: string, event: unknown): void {
    for (const [heard, listener] of this.#listeners) if (heard === type) listener(event);
  }
}

export class FakeServer {
  readonly sockets: FakeSocket[] = [];
  /** What is answered to a request, by a function of its number. */
  answer: (request: number) => Response | Promise<Response> = () => new Response(null, { status: 404 });
  readonly requests: { url: string; init: RequestInit }[] = [];

  readonly options: TelemetraOptions;

  constructor() {
    const { sockets } = this;
    class Socket extends FakeSocket {
      constructor(url: string) {
        super(new URL(url));
        sockets.push(this);
      }
    }
    const fetching = async (url: unknown, init: RequestInit = {}): Promise<Response> => {
      this.requests.push({ url: String(url), init });
      return this.answer(this.requests.length);
    };
    this.options = { WebSocket: Socket, fetch: fetching as typeof fetch };
  }

  /** Returns the socket that was opened last, of so many. */
  async socket(count: number): Promise<FakeSocket> {
    await settled();
    if (this.sockets.length !== count) throw new Error(`${this.sockets.length} sockets were opened, and not ${count}`);
    return this.sockets[count - 1] as FakeSocket;
  }
}

/** A stream that is followed, and what it told. */
export class Followed {
  readonly server = new FakeServer();
  readonly told: LiveMessage[] = [];
  readonly statuses: LiveStatus[] = [];
  readonly stream: LiveStream;
  onMessage: (message: LiveMessage) => void = () => {};

  constructor({ since, ...options }: TelemetraOptions & { since?: string } = {}) {
    this.stream = new Telemetra("http://service.example", { ...this.server.options, ...options }).live("demo", {
      since,
      onMessage: (message) => {
        this.told.push(message);
        this.onMessage(message);
      },
      onStatus: (status) => this.statuses.push(status),
    });
  }

  get states(): string[] {
    return this.statuses.map((status) => status.state);
  }

  /** Has the newest socket, which is number `count`, connect and say so. */
  async connected(count: number, more: object = { resumed: true }): Promise<FakeSocket> {
    const socket = await this.server.socket(count);
    socket.open();
    socket.say({ ...connected, ...more });
    return socket;
  }
}

const head = { stream_id: "demo", timestamp: "2026-01-01T00:00:00Z" };
export const connected = { ...head, type: "connected", position: "start", resumed: true, heartbeat_seconds: 15 };
export const snapshot = { ...head, type: "snapshot", stream: null, metrics: [], moments: [], position: "P0" };
export const heartbeat = (position: string): object => ({ ...head, type: "heartbeat", position });
export const failure = (code: string, detail: string): object => ({ ...head, type: "error", code, detail });
export const pong = { ...head, type: "pong" };
