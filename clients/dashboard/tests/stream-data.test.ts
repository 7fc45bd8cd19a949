import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type LiveMessage,
  type LiveOptions,
  type MetricWindow,
  type Moment,
  type Page,
  type ReadInit,
  type Stream,
  type Telemetra,
  TelemetraError,
} from "telemetra-client";
import { StreamData } from "../src/data/stream-data.js";
import { MINUTE, START } from "./samples.js";

function wire(minute: number, chatCount = minute): MetricWindow {
  const at = (number: number): string => new Date(START + number * MINUTE).toISOString();
  return {
    id: minute,
    stream_id: "lofi",
    window_start: at(minute),
    window_end: at(minute + 1),
    chat_count: chatCount,
    unique_chatters: 1,
    top_emotes: [],
    avg_sentiment: null,
    chat_rate: null,
    avg_viewers: null,
    z_score: null,
    is_anomaly: false,
  };
}

function wireMoment(minute: number, description: string | null = null): Moment {
  return {
    moment_id: `m${minute}`,
    stream_id: "lofi",
    timestamp: new Date(START + minute * MINUTE).toISOString(),
    moment_type: "chat_spike",
    description,
    metric_name: null,
    metric_value: null,
    threshold: null,
    z_score: null,
    metadata: null,
  };
}

function titled(title: string): Stream {
  const at = new Date(START).toISOString();
  return { stream_id: "lofi", title, created_at: at, updated_at: at };
}

/** A service that holds windows and moments, remembers how it was asked, and tells live what a test has it tell. */
class Service {
  windows: MetricWindow[] = [];
  momentsKept: Moment[] = [];
  described: () => Promise<Stream> = () => Promise.reject(new TelemetraError("not described", 404));
  readonly asked: string[] = [];
  readonly askedForMoments: string[] = [];
  /** How many follow it. */
  followers = 0;
  position = "p0";
  since: string | undefined;
  tell: (message: Partial<LiveMessage> & { type: string }) => void = () => undefined;
  hold: Promise<void> = Promise.resolve();
  refuses: string | null = null;

  readonly client = {
    metrics: async (_: string, query: { limit: number; end_time?: string }, init: ReadInit) => this.#metrics(query, init),
    moments: async (_: string, query: { limit: number; end_time?: string }, init: ReadInit) => this.#moments(query, init),
    stream: async () => ({ data: await this.described(), position: this.position }),
    live: (_: string, options: LiveOptions) => this.#live(options),
  } as unknown as Telemetra;

  async #metrics(query: { limit: number; end_time?: string }, init: ReadInit): Promise<Page<MetricWindow>> {
    this.asked.push(`${query.end_time ?? "newest"} ${init.position ?? "-"}`);
    const end = query.end_time ? Date.parse(query.end_time) : Infinity;
    const found = this.windows.filter((one) => Date.parse(one.window_start) < end).toReversed();
    const position = this.position;
    await this.hold;
    if (init.position !== undefined && init.position === this.refuses) {
      throw new TelemetraError("of another history", 422);
    }
    const data = found.slice(0, query.limit);
    return { data, position, next: found.length > data.length ? () => Promise.reject(new Error("asked for")) : null };
  }

  async #moments(query: { limit: number; end_time?: string }, init: ReadInit): Promise<Page<Moment>> {
    this.askedForMoments.push(`${query.end_time ?? "newest"} ${init.position ?? "-"}`);
    const end = query.end_time ? Date.parse(query.end_time) : Infinity;
    const found = this.momentsKept.filter((one) => Date.parse(one.timestamp) < end).toReversed();
    const data = found.slice(0, query.limit);
    const last = data.at(-1);
    // As the client does it: what a page leads to includes what that page did, and nothing newer.
    const position = this.position;
    const next = (): Promise<Page<Moment>> => this.#moments({ ...query, end_time: last?.timestamp ?? "" }, { ...init, position });
    return { data, position, next: found.length > data.length ? next : null };
  }

  #live(options: LiveOptions): unknown {
    this.since = options.since ?? undefined;
    this.followers += 1;
    const live = { position: options.since ?? null, close: () => (this.followers -= 1) };
    this.tell = (message) => {
      live.position = this.position;
      options.onMessage(message as LiveMessage);
    };
    return live;
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await new Promise(setImmediate);
  }
}

function opened(service: Service): { data: StreamData; counts: () => readonly number[]; leave: () => void } {
  const leaving = new AbortController();
  const data = new StreamData(service.client, "lofi", { changed: () => undefined, status: () => undefined }, leaving.signal);
  return { data, counts: () => data.rows.list.map((row) => row.messages), leave: () => leaving.abort() };
}

test("it goes live from where the first page was read", async () => {
  const service = new Service();
  service.windows = [wire(0), wire(1)];
  const { data, counts, leave } = opened(service);
  await data.open();
  assert.equal(service.since, "p0");
  service.tell({ type: "metrics", data: wire(2) });
  service.tell({ type: "metrics", data: wire(1, 99) });
  assert.deepEqual(counts(), [0, 99, 2]);
  leave();
});

test("older pages include what was told live, and do not overwrite it", async () => {
  const service = new Service();
  service.windows = Array.from({ length: 1000 }, (_, minute) => wire(minute));
  const { data, leave } = opened(service);
  await data.open();
  service.position = "p1";
  service.tell({ type: "heartbeat" });
  let release = (): void => undefined;
  service.hold = new Promise((resolve) => (release = resolve));
  data.want(START, Infinity);
  await settled();
  // The page was read before this change, and comes after it.
  service.tell({ type: "metrics", data: wire(3, 99) });
  service.tell({ type: "removed", data: { stream: false, window: wire(4), moment_id: null, all: false } });
  release();
  await settled();
  assert.equal(service.asked.at(-1)?.split(" ")[1], "p1");
  assert.equal(data.rows.list.find((row) => row.at === START + 3 * MINUTE)?.messages, 99);
  assert.equal(data.rows.list.length, 999);
  leave();
});

test("a position of another history is left out", async () => {
  const service = new Service();
  service.windows = Array.from({ length: 500 }, (_, minute) => wire(minute));
  const { data, leave } = opened(service);
  await data.open();
  service.refuses = "p0";
  data.want(START, Infinity);
  await settled();
  assert.equal(data.rows.list.length, 500);
  leave();
});

test("after a snapshot all is read again, and what is gone goes", async () => {
  const service = new Service();
  service.windows = [wire(0), wire(1), wire(2)];
  const { data, counts, leave } = opened(service);
  await data.open();
  data.want(START, Infinity);
  service.windows = [wire(1), wire(2, 99), wire(3)];
  service.tell({ type: "snapshot", stream: null, metrics: [wire(3), wire(2, 99)], moments: [] });
  // What was there is shown until it has been read again.
  assert.deepEqual(counts(), [0, 1, 99, 3]);
  await settled();
  assert.deepEqual(counts(), [1, 99, 3]);
  leave();
});

test("when everything was removed nothing is left, and what is written then is there", async () => {
  const service = new Service();
  service.windows = [wire(0), wire(1)];
  const { data, counts, leave } = opened(service);
  await data.open();
  service.windows = [];
  service.tell({ type: "removed", data: { stream: false, window: null, moment_id: null, all: true } });
  await settled();
  assert.deepEqual(counts(), []);
  service.tell({ type: "metrics", data: wire(7) });
  assert.deepEqual(counts(), [7]);
  leave();
});

test("opened twice at once it is followed once, and not at all once it was left", async () => {
  const service = new Service();
  service.windows = [wire(0)];
  const { data, leave } = opened(service);
  await Promise.all([data.open(), data.open()]);
  assert.equal(service.followers, 1);
  leave();
  assert.equal(service.followers, 0);
});

test("a title that was told live is not overwritten by one that was read before", async () => {
  const service = new Service();
  service.windows = [wire(0)];
  let answer = (_: Stream): void => undefined;
  service.described = () => new Promise((resolve) => (answer = resolve));
  const { data, leave } = opened(service);
  await data.open();
  await settled();
  service.tell({ type: "stream", data: titled("new") });
  answer(titled("old"));
  await settled();
  assert.equal(data.stream?.title, "new");
  leave();
});

test("a window at the very end of what is wanted is read, wherever between two milliseconds that is", async () => {
  const service = new Service();
  service.windows = Array.from({ length: 2000 }, (_, minute) => wire(minute));
  const { data, leave } = opened(service);
  await data.open();
  data.want(START + 90 * MINUTE, START + 100 * MINUTE + 0.5);
  await settled();
  assert.ok(data.rows.list.some((row) => row.at === START + 100 * MINUTE));
  leave();
});

test("older moments include what was told live", async () => {
  const service = new Service();
  service.windows = [wire(0)];
  service.momentsKept = Array.from({ length: 150 }, (_, minute) => wireMoment(minute));
  const { data, leave } = opened(service);
  await data.open();
  await settled();
  assert.equal(data.momentRows.list.length, 100);
  service.position = "p1";
  service.tell({ type: "moment", data: wireMoment(3, "rewritten") });
  data.moments.want(START, Infinity);
  await settled();
  assert.equal(service.askedForMoments.at(-1)?.split(" ")[1], "p1");
  assert.equal(data.momentRows.list.length, 150);
  leave();
});
