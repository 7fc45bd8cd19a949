/** Follows a stream from Node, as a test's child process: JSON lines out, and ends when its input does. */

import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

import WebSocket from "ws";

import { items, LiveRefused, Telemetra, TelemetraError } from "../../src/index.js";

interface Orders {
  url: string;
  streamId: string;
  since?: string;
  token?: string;
  /** Read the history first, page by page of so many rows, and go on live from there. */
  historyLimit?: number;
  /** Follow by `for await`, and rest so long after each message. */
  restMs?: number;
  /** Throw in the handler, at each message of this type. */
  throwAt?: string;
}

const tell = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const orders = JSON.parse(process.argv[2] ?? "{}") as Orders;
const client = new Telemetra(orders.url, { token: orders.token, WebSocket });
const ending = new AbortController();
const input = createInterface({ input: process.stdin });
const ended = new Promise<void>((resolve) => input.on("close", resolve));
process.on("uncaughtException", (error) => tell({ uncaught: error.message }));

let since = orders.since ?? null;
if (orders.historyLimit !== undefined) {
  try {
    const first = await client.metrics(orders.streamId, { limit: orders.historyLimit });
    since = first.position;
    for await (const row of items(first)) tell({ row });
    tell({ history: since });
  } catch (error) {
    if (!(error instanceof TelemetraError)) throw error;
    tell({ error: error.message, status: error.status, code: error.problem?.code ?? null });
  }
}
if (orders.restMs === undefined) {
  const stream = client.live(orders.streamId, {
    since,
    onMessage(message) {
      tell({ message });
      if (message.type === orders.throwAt) throw new Error(`thrown at ${message.type}`);
    },
    onStatus: ({ error, ...status }) => tell({ status: { ...status, kind: error?.kind ?? null } }),
  });
  await ended;
  stream.close();
} else {
  ended.then(() => ending.abort());
  let heap = 0;
  try {
    for await (const message of client.follow(orders.streamId, {
      since,
      signal: ending.signal,
      onStatus: ({ error, ...status }) => tell({ status: { ...status, kind: error?.kind ?? null } }),
    })) {
      heap = Math.max(heap, process.memoryUsage().heapUsed);
      tell({ message, heap });
      if (orders.restMs) await pause(orders.restMs);
    }
  } catch (error) {
    if (error instanceof LiveRefused) tell({ refused: error.kind });
    else if (!ending.signal.aborted) throw error;
  }
}
