/**
 * One stream as it stands and as it changes: history over HTTP first, then live from exactly there.
 *
 * The first page of windows says where it was read; the live stream goes on from that position, and whatever else is read
 * asks for an answer that includes where the live stream is by then. So there is no hole, and nothing older overwrites
 * what is newer. Knows nothing of how any of it is shown.
 */

import {
  type LiveMessage,
  type LiveStatus,
  type LiveStream,
  type MetricWindow,
  type Moment,
  type Page,
  type ReadInit,
  type Stream,
  type Telemetra,
  TelemetraError,
} from "telemetra-client";
import { momentOf, type StreamMoment } from "./moments.js";
import { LATEST, Paged } from "./paged.js";
import { isPassing, Retry } from "./retry.js";
import { Rows } from "./rows.js";
import { type ChatWindow, windowKey, windowOf } from "./windows.js";

const FIRST_WINDOWS = 400;
const WINDOWS = 1000;
const MOMENTS = 100;
/** More windows than this are not kept: those that nobody looks at go. */
const MOST_WINDOWS = 60_000;
const NEWEST_KEPT = 500;

export interface StreamDataEvents {
  /** Something is another than before; look at what is of interest. */
  changed(): void;
  status(status: LiveStatus): void;
}

export class StreamData {
  readonly rows = new Rows<ChatWindow>();
  readonly momentRows = new Rows<StreamMoment>();
  readonly history: Paged<MetricWindow, ChatWindow>;
  readonly moments: Paged<Moment, StreamMoment>;
  stream: Stream | null = null;
  #live: LiveStream | null = null;
  #position: string | null = null;
  /** How often the stream's own row was told live. */
  #described = 0;

  constructor(
    private readonly client: Telemetra,
    readonly streamId: string,
    private readonly events: StreamDataEvents,
    private readonly signal: AbortSignal,
  ) {
    const changed = (): void => events.changed();
    const readWindows = (end: number): Promise<Page<MetricWindow>> => {
      const limit = this.#position === null ? FIRST_WINDOWS : WINDOWS;
      return this.#including((init) => client.metrics(streamId, { limit, ...before(end) }, init));
    };
    this.history = new Paged(this.rows, windowOf, readWindows, changed, signal);
    const readMoments = (end: number): Promise<Page<Moment>> =>
      this.#including((init) => client.moments(streamId, { limit: MOMENTS, ...before(end) }, init));
    this.moments = new Paged(this.momentRows, momentOf, readMoments, changed, signal);
    signal.addEventListener("abort", () => this.#live?.close());
  }

  /**
   * Read the newest windows and go live.
   *
   * @throws TelemetraError 404 where no stream has this id; whatever reading throws.
   */
  async open(): Promise<void> {
    const page = await this.history.newest();
    this.signal.throwIfAborted();
    if (this.#live) {
      // Asked for twice, by an impatient hand: nobody would close a second one.
      return;
    }
    this.#position = page.position;
    this.#live = this.client.live(this.streamId, {
      ...(page.position === null ? {} : { since: page.position }),
      onMessage: (message) => this.#take(message),
      onStatus: (status) => this.events.status(status),
    });
    this.moments.want(LATEST, Infinity);
    void this.#describe();
  }

  /** Where the oldest window begins, once that is known. */
  get beginning(): number | null {
    return this.history.coverage.hasBeginning ? (this.rows.list[0]?.at ?? null) : null;
  }

  /** Have what is between two times read, moments too, and let go of what is not once there is too much. */
  want(from: number, to: number): void {
    if (this.rows.list.length > MOST_WINDOWS) {
      this.#letGo(from, to);
    }
    this.history.want(from, to);
    this.moments.want(from, Infinity);
  }

  #letGo(from: number, to: number): void {
    const newest = this.rows.list.at(-NEWEST_KEPT)?.at ?? -Infinity;
    const kept = [
      [from, to],
      [newest, Infinity],
    ] as const;
    this.history.coverage.keep(kept);
    this.rows.keep((row) => kept.some(([start, end]) => row.at >= start && row.at < end));
  }

  /** Read the stream's own row, which may come after its windows, or never. */
  async #describe(): Promise<void> {
    const retry = new Retry();
    const told = this.#described;
    for (;;) {
      try {
        const { data } = await this.#including((init) => this.client.stream(this.streamId, init));
        if (this.#described === told) {
          this.stream = data;
          this.events.changed();
        }
        return;
      } catch (error) {
        if (this.signal.aborted || !isPassing(error)) {
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, retry.after(error)));
      }
    }
  }

  /** Ask for an answer that includes what was told live; without that where it is of another history by now. */
  async #including<T>(ask: (init: ReadInit) => Promise<T>): Promise<T> {
    const position = this.#live?.position ?? this.#position;
    if (position === null) {
      return ask({ signal: this.signal });
    }
    try {
      return await ask({ signal: this.signal, position });
    } catch (error) {
      if (error instanceof TelemetraError && error.status === 422) {
        return ask({ signal: this.signal });
      }
      throw error;
    }
  }

  /** Take the stream's own row as it was told live: what is being read of it meanwhile is older. */
  #tell(stream: Stream | null): void {
    this.#described += 1;
    this.stream = stream;
  }

  #take(message: LiveMessage): void {
    switch (message.type) {
      case "metrics":
        this.rows.tell(windowOf(message.data));
        break;
      case "moment":
        this.momentRows.tell(momentOf(message.data));
        break;
      case "stream":
        this.#tell(message.data);
        break;
      case "removed":
        this.#remove(message.data);
        break;
      case "snapshot":
        this.#begin(message);
        break;
      default:
        return;
    }
    this.events.changed();
  }

  #remove(removed: Extract<LiveMessage, { type: "removed" }>["data"]): void {
    if (removed.all) {
      this.rows.clear();
      this.momentRows.clear();
      this.#tell(null);
      this.#readAgain();
      void this.#describe();
    } else if (removed.window) {
      this.rows.tellRemoved(windowKey(removed.window));
    } else if (removed.moment_id) {
      this.momentRows.tellRemoved(removed.moment_id);
    } else if (removed.stream) {
      this.#tell(null);
    }
  }

  /** Begin anew from a snapshot: what was read before may be of another history, and is shown until it is read again. */
  #begin(snapshot: Extract<LiveMessage, { type: "snapshot" }>): void {
    this.#tell(snapshot.stream);
    this.rows.outdate();
    this.momentRows.outdate();
    this.#readAgain();
    for (const window of snapshot.metrics) {
      this.rows.tell(windowOf(window));
    }
    for (const moment of snapshot.moments) {
      this.momentRows.tell(momentOf(moment));
    }
  }

  #readAgain(): void {
    this.history.coverage.clear();
    this.moments.coverage.clear();
    this.history.again();
    this.moments.again();
  }
}

/** What asks for rows before an instant. Views end between milliseconds, which dates don't tell: rather a row too many. */
function before(end: number): { end_time?: string } {
  return end === Infinity ? {} : { end_time: new Date(Math.ceil(end)).toISOString() };
}
