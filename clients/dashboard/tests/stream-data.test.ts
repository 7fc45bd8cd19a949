import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type LiveMessage,
  type LiveOptions,
  type MetricWindow,
  type Page,
  type ReadInit,
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

/** A service that holds windows, remembers how it was asked, and tells live what a test has it tell. */
class Service {
  windows: MetricWindow[] = [];
  readonly asked: string[] = [];
  position = "p0";
  since: string | undefined;
  tell: (message: Partial<LiveMessage> & { type: string }) => void = () => undefined;
  hold: Promise<void> = Promise.resolve();
  refuses: string | null = null;

  readonly client = {
    metrics: async (_: string, query: { limit: number; end_time?: string }, init: ReadInit) => this.#metrics(query, init),
    moments: async (): Promise<Page<never>> => ({ data: [], position: this.position, next: null }),
    stream: async () => {
      throw new TelemetraError("not described", 404);
    },
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

  #live(options: LiveOptions): unknown {
    this.since = options.since ?? undefined;
    const live = { position: options.since ?? null, close: () => undefined };
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
