/** The service as its users see it: what can be read, and what can be followed. */

import { Address, segment } from "./address.js";
import type { Door, SocketClass } from "./connection.js";
import { TelemetraError } from "./errors.js";
import { type FollowOptions, follow } from "./follow.js";
import { bodyOf, Http, type ReadInit, type Token } from "./http.js";
import { type LiveHandlers, type LiveOptions, LiveStream } from "./live.js";
import { type Answer, type Page, readAnswer, readPage } from "./paging.js";
import type {
  LiveMessage,
  LiveTicket,
  MetricsQuery,
  MetricWindow,
  Moment,
  MomentsQuery,
  Stream,
  StreamsQuery,
} from "./types.js";

export interface TelemetraOptions {
  /** Where the service asks for one; a function is asked before each request and each connection. */
  token?: Token | undefined;
  fetch?: typeof fetch | undefined;
  /** Where there is no global one, as in Node 20: the package `ws` has one. */
  WebSocket?: SocketClass | undefined;
}

/** A Telemetra service. Reads throw a TelemetraError for an answer that is not the one asked for. */
export class Telemetra {
  readonly #address: Address;
  readonly #http: Http;
  readonly #Socket: SocketClass | undefined;

  /** `baseUrl` is where the service is, with a path as a prefix; in a page it may be relative. Throws a TypeError for any other. */
  constructor(baseUrl: string | URL, options: TelemetraOptions = {}) {
    this.#address = new Address(baseUrl);
    this.#http = new Http(options.fetch, options.token);
    this.#Socket = options.WebSocket;
  }

  /** Reads the streams, the most recently updated first. */
  async streams(query?: StreamsQuery, init?: ReadInit): Promise<Page<Stream>> {
    return readPage<Stream>(this.#http, this.#address, this.#address.http("/api/v1/streams", query), init);
  }

  /** Reads one stream's own row. */
  async stream(streamId: string, init?: ReadInit): Promise<Answer<Stream>> {
    return readAnswer<Stream>(this.#http, this.#address.http(pathOf(streamId)), init);
  }

  /** Reads windows, the newest first; with `start_time` and `end_time` those that begin in [start, end). */
  async metrics(streamId: string, query?: MetricsQuery, init?: ReadInit): Promise<Page<MetricWindow>> {
    const url = this.#address.http(`${pathOf(streamId)}/metrics`, query);
    return readPage<MetricWindow>(this.#http, this.#address, url, init);
  }

  /** Reads detected moments, the newest first. */
  async moments(streamId: string, query?: MomentsQuery, init?: ReadInit): Promise<Page<Moment>> {
    const url = this.#address.http(`${pathOf(streamId)}/moments`, query);
    return readPage<Moment>(this.#http, this.#address, url, init);
  }

  /** Follows a stream, from now on, through any number of connections. Throws a TypeError for an id that no URL can name. */
  live(streamId: string, options: LiveOptions): LiveStream {
    return this.#live(streamId, options.since ?? null, options);
  }

  /** The same as an async iterator. It connects when the first message is asked for, and throws a LiveRefused when it is over. */
  follow(streamId: string, options: FollowOptions = {}): AsyncGenerator<LiveMessage, void, undefined> {
    return follow((since, handlers) => this.#live(streamId, since, handlers), options);
  }

  #live(streamId: string, since: string | null, handlers: LiveHandlers): LiveStream {
    segment(streamId);
    const Socket = this.#Socket ?? globalThis.WebSocket;
    if (!Socket) throw new TypeError("There is no WebSocket here: give one as an option, such as that of the package ws.");
    const door: Door = { Socket, open: (...asked) => this.#open(...asked) };
    return new LiveStream(door, streamId, since, handlers);
  }

  async #open(streamId: string, since: string | null, diagnose: boolean, signal: AbortSignal): Promise<string> {
    const ticket = this.#http.hasToken || diagnose ? await this.#ticket(signal) : null;
    return this.#address.live(streamId, { since, ticket });
  }

  /** Takes a ticket, as a browser's socket can send no token. Without a token it is only asked whether one would be needed. */
  async #ticket(signal: AbortSignal): Promise<string | null> {
    try {
      const response = await this.#http.post(this.#address.http("/api/v1/live-tickets"), signal);
      return (await bodyOf<LiveTicket>(response)).ticket;
    } catch (error) {
      const isRefusal = error instanceof TelemetraError && (error.status === 401 || error.status === 403);
      if (this.#http.hasToken || isRefusal) throw error;
      return null;
    }
  }
}

function pathOf(streamId: string): string {
  return `/api/v1/streams/${segment(streamId)}`;
}
