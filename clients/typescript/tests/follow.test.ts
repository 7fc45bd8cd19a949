/** A stream as an async iterator: in order, in bounded memory, and ended from either side. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { type LiveMessage, LiveRefused, type LiveStatus, Telemetra } from "../src/index.js";
import { Clock, settled } from "./clock.js";
import { connected, FakeServer, heartbeat } from "./network.js";
import { uncaught } from "./uncaught.js";

function positionOf(message: LiveMessage | undefined | void): string | null {
  return message && "position" in message ? message.position : null;
}

test("it connects when the first message is asked for, and yields them in order", async (context) => {
  new Clock(context);
  const server = new FakeServer();
  const following = new Telemetra("http://service.example", server.options).follow("demo", { since: "P0" });
  await settled();
  assert.equal(server.sockets.length, 0);
  const first = following.next();
  const socket = await server.socket(1);
  assert.equal(socket.since, "P0");
  socket.open();
  socket.say(connected);
  socket.say(heartbeat("P1"));
  socket.say(heartbeat("P2"));
  assert.equal((await first).value?.type, "connected");
  assert.equal(positionOf((await following.next()).value), "P1");
  assert.equal(positionOf((await following.next()).value), "P2");
  await following.return();
  assert.ok(socket.wasClosed);
});

test("a reader that lags lets go of the connection, and takes it up again where what waits ends", async (context) => {
  const clock = new Clock(context);
  const server = new FakeServer();
  const statuses: LiveStatus[] = [];
  const following = new Telemetra("http://service.example", server.options).follow("demo", {
    onStatus: (status) => statuses.push(status),
  });
  const first = following.next();
  const socket = await server.socket(1);
  socket.open();
  socket.say(connected);
  await first;
  let number = 0;
  while (!socket.wasClosed && number < 10_000) {
    number += 1;
    socket.say({ ...(heartbeat(`P${number}`) as object), filling: "x".repeat(1_000) });
  }
  assert.ok(number > 900 && number < 1_100, `${number} messages of a thousand characters waited`);
  assert.equal(statuses.at(-1)?.reason, "the reader lags behind");
  // What the socket still has is of no use any more: it comes again.
  socket.say(heartbeat("lost"));
  await clock.advance(60_000);
  assert.equal(server.sockets.length, 1);
  for (let read = 1; read <= number; read += 1) {
    assert.equal(positionOf((await following.next()).value), `P${read}`);
  }
  const next = following.next();
  const second = await server.socket(2);
  assert.equal(second.since, `P${number}`);
  second.open();
  second.say(connected);
  assert.equal((await next).value?.type, "connected");
  await following.return();
});

test("what is refused for good is thrown, after everything that was told before", async (context) => {
  new Clock(context);
  const server = new FakeServer();
  const following = new Telemetra("http://service.example", server.options).follow("nowhere");
  const first = following.next();
  const socket = await server.socket(1);
  socket.open();
  socket.say(heartbeat("P1"));
  socket.end(4404, "stream_not_found");
  assert.equal(positionOf((await first).value), "P1");
  await assert.rejects(following.next(), (error) => error instanceof LiveRefused && error.kind === "stream_not_found");
  assert.ok((await following.next()).done);
});

test("an abort ends it with the signal's reason, also while it waits", async (context) => {
  const clock = new Clock(context);
  const server = new FakeServer();
  const ending = new AbortController();
  const following = new Telemetra("http://service.example", server.options).follow("demo", { signal: ending.signal });
  const first = following.next();
  await server.socket(1);
  ending.abort(new Error("enough"));
  await assert.rejects(first, /enough/);
  assert.equal(clock.timers, 0);
  const late = new Telemetra("http://service.example", server.options).follow("demo", { signal: ending.signal });
  await assert.rejects(late.next(), /enough/);
  assert.equal(server.sockets.length, 1);
});

test("a status handler that throws keeps nothing from the reader, and is reported", async (context) => {
  new Clock(context);
  const reported = uncaught(context);
  const server = new FakeServer();
  const following = new Telemetra("http://service.example", server.options).follow("demo", {
    onStatus: ({ state }) => {
      throw new Error(`the page's own fault when ${state}`);
    },
  });
  const first = following.next();
  (await server.socket(1)).end(1008, "policy");
  await assert.rejects(first, LiveRefused);
  assert.deepEqual(reported.map(String), [
    "Error: the page's own fault when connecting",
    "Error: the page's own fault when closed",
  ]);
});
