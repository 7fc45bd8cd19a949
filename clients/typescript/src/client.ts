/** The service as its users see it: what can be read, and what can be followed. */

import { type Address, addressOf, segment } from "./address.js";
import type { Door, SocketClass } from "./connection.js";
import type { TelemetraError } from "./errors.js";
import { type FollowOptions, follow } from "./follow.js";
import { type Ask, asking, bodyOf, type ReadInit, type Token } from "./http.js";
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

const STREAMS = "/api/v1/streams";

export interface TelemetraOptions {
  /** Where the service asks for one; a function is asked before each request and each connection. */
  token?: Token | undefined;
  fetch?: typeof fetch | undefined;
  /** Where there is no global one, as in Node 20: the package `ws` has one. */
  WebSocket?: SocketClass | undefined;
}

/** A Telemetra service. Reads throw a TelemetraError for an answer that is not the one asked for. */
export class Telemetra {
  readonly #at: Address;
  readonly #ask: Ask;
  readonly #options: TelemetraOptions;

  /** `baseUrl` is where the service is, with a path as a prefix; in a page it may be relative. Throws a TypeError for any other. */
  constructor(baseUrl: string | URL, options: TelemetraOptions = {}) {
    this.#at = addressOf(baseUrl);
    this.#ask = asking(options.fetch, options.token);
    this.#options = options;
  }

  /** Reads the streams, the most recently updated first. */
  async streams(query?: StreamsQuery, init?: ReadInit): Promise<Page<Stream>> {
    return readPage(this.#ask, this.#at(STREAMS, query), init);
  }

  /** Reads one stream's own row. */
  async stream(streamId: string, init?: ReadInit): Promise<Answer<Stream>> {
    return readAnswer(this.#ask, this.#at(`${STREAMS}/${segment(streamId)}`), init);
  }

  /** Reads windows, the newest first; with `start_time` and `end_time` those that begin in [start, end). */
  async metrics(streamId: string, query?: MetricsQuery, init?: ReadInit): Promise<Page<MetricWindow>> {
    return readPage(this.#ask, this.#at(`${STREAMS}/${segment(streamId)}/metrics`, query), init);
  }

  /** Reads detected moments, the newest first. */
  async moments(streamId: string, query?: MomentsQuery, init?: ReadInit): Promise<Page<Moment>> {
    return readPage(this.#ask, this.#at(`${STREAMS}/${segment(streamId)}/moments`, query), init);
  }

  /** Follows a stream, from now on, through any number of connections. Throws a TypeError for an id that no URL can name. */
  live(streamId: string, options: LiveOptions): LiveStream {
    return this.#live(streamId, options.since, options);
  }

  /** The same as an async iterator. It connects when the first message is asked for, and throws a LiveRefused when it is over. */
  follow(streamId: string, options: FollowOptions = {}): AsyncGenerator<LiveMessage, void, undefined> {
    return follow((since, handlers) => this.#live(streamId, since, handlers), options);
  }

  #live(streamId: string, since: string | null = null, handlers: LiveHandlers): LiveStream {
    const path = `/ws/live/${segment(streamId)}`;
    const Socket = this.#options.WebSocket ?? globalThis.WebSocket;
    if (!Socket) throw new TypeError("There is no WebSocket here: give one as an option, such as that of the package ws.");
    const open: Door["open"] = async (position, diagnose, signal) => {
      if (diagnose) {
        await this.stream(streamId, { signal }).catch((error: Partial<TelemetraError>) => {
          if (error.status === 401 || error.status === 403) throw error;
        });
      }
      const ticket = this.#options.token && (await this.#ticket(signal));
      return this.#at(path, { since: position, ticket }, true);
    };
    return new LiveStream({ Socket, open }, since, handlers);
  }

  /** Takes what stands in for a token, which no standard WebSocket can send. */
  async #ticket(signal: AbortSignal): Promise<string> {
    const answer = await this.#ask(this.#at("/api/v1/live-tickets"), { signal }, "POST");
    return (await bodyOf<LiveTicket>(answer)).ticket;
  }
}
