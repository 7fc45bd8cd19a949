/** What `LiveStream` does on one socket after the other: positions, ends, and what its user is told. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Telemetra } from "../src/index.js";
import { Clock, settled } from "./clock.js";
import { connected, FakeServer, failure, Followed, heartbeat, pong, snapshot } from "./network.js";
import { uncaught } from "./uncaught.js";

test("a stream starts at once, where it is told to, and hands over typed messages", async (context) => {
  new Clock(context);
  const followed = new Followed({ since: "P7" });
  const socket = await followed.server.socket(1);
  assert.equal(socket.url.href, "ws://service.example/ws/live/demo?since=P7");
  assert.equal(followed.stream.status.state, "connecting");
  socket.open();
  socket.say(connected);
  assert.equal(followed.stream.status.state, "live");
  assert.equal(followed.told[0]?.type, "connected");
  assert.deepEqual(followed.states, ["connecting", "live"]);
});

test("the next connection resumes at the last message that was handed over", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  socket.say(heartbeat("P1"));
  socket.say(heartbeat("P2"));
  assert.equal(followed.stream.position, "P2");
  socket.end();
  assert.equal(followed.stream.status.reason, "cut off");
  await clock.advance(250);
  assert.equal((await followed.server.socket(2)).since, "P2");
});

test("a connected message that does not resume is no place to stand, the snapshot after it is", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed({ since: "old" });
  const first = await followed.connected(1, { resumed: false, position: "nowhere" });
  first.end();
  await clock.advance(250);
  const second = await followed.connected(2, { resumed: false, position: "nowhere" });
  assert.equal(second.since, "old");
  second.say(snapshot);
  second.end();
  await clock.advance(500);
  assert.equal((await followed.server.socket(3)).since, "P0");
});

test("a message of an unknown type is handed to nobody, and its position counts", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  socket.say({ ...(heartbeat("P9") as object), type: "from_the_future" });
  socket.say({ ...(heartbeat("P10") as object), type: "toString" });
  assert.deepEqual(followed.told.map((message) => message.type), ["connected"]);
  socket.end();
  await clock.advance(250);
  assert.equal((await followed.server.socket(2)).since, "P10");
});

for (const [what, say] of [
  ["is no JSON", "<html>"],
  ["is no object", "[1]"],
  ["is null", "null"],
  ["has no type", "{}"],
] as const) {
  test(`a frame that ${what} ends the connection, and the next one resumes before it`, async (context) => {
    const clock = new Clock(context);
    const followed = new Followed();
    const socket = await followed.connected(1);
    socket.say(heartbeat("P1"));
    socket.say(say);
    assert.ok(socket.wasClosed);
    socket.say(heartbeat("P2"));
    assert.equal(followed.stream.status.reason, "what came is no live message");
    await clock.advance(250);
    assert.equal((await followed.server.socket(2)).since, "P1");
  });
}

test("a binary frame is no live message either", async (context) => {
  new Clock(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  socket.sayBinary();
  assert.equal(followed.stream.status.state, "waiting");
});

for (const [code, kind] of [
  [1007, "bad_text"],
  [1008, "policy"],
  [1009, "too_large"],
  [4404, "stream_not_found"],
] as const) {
  test(`close code ${code} ends it for good, with a typed reason`, async (context) => {
    const clock = new Clock(context);
    const followed = new Followed();
    const socket = await followed.connected(1);
    socket.say(failure("some_code", "It can't go on."));
    socket.end(code, "some_code");
    const { state, error, reason, retryAt } = followed.stream.status;
    assert.deepEqual([state, error?.kind, error?.code, reason, retryAt], ["closed", kind, code, "It can't go on.", null]);
    assert.equal(clock.timers, 0);
    const told = followed.statuses.length;
    await clock.advance(3_600_000);
    assert.equal(followed.server.sockets.length, 1);
    assert.equal(followed.statuses.length, told);
  });
}

for (const code of [1000, 1001, 1006, 1011, 1012, 1013, 4000, 4408, 4999]) {
  test(`after close code ${code} it comes back`, async (context) => {
    const clock = new Clock(context);
    const followed = new Followed();
    (await followed.connected(1)).end(code);
    assert.equal(followed.stream.status.state, "waiting");
    assert.ok((followed.stream.status.retryAt ?? 0) >= clock.now);
    await clock.advance(250);
    await followed.server.socket(2);
  });
}

test("what the message handler throws is reported as uncaught, and the message counts as handed over", async (context) => {
  const clock = new Clock(context);
  const reported = uncaught(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  const fault = new Error("the page's own");
  followed.onMessage = (message) => {
    if (message.type === "heartbeat" && message.position !== "P2") throw fault;
  };
  for (const position of ["P1", "P2", "P3"]) socket.say(heartbeat(position));
  await settled();
  assert.deepEqual(reported, [fault, fault]);
  assert.equal(followed.told.length, 4);
  assert.equal(followed.stream.status.state, "live");
  socket.end();
  await clock.advance(250);
  assert.equal((await followed.server.socket(2)).since, "P3");
});

test("in the message handler the position is that of the message", async (context) => {
  new Clock(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  const seen: (string | null)[] = [];
  followed.onMessage = () => seen.push(followed.stream.position);
  socket.say(heartbeat("P1"));
  assert.deepEqual(seen, ["P1"]);
});

test("closing is final, may be done twice, and nothing is called after it", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  const { length } = followed.statuses;
  followed.stream.close();
  followed.stream.close();
  assert.ok(socket.wasClosed);
  socket.say(heartbeat("P1"));
  socket.end(1008);
  await clock.advance(3_600_000);
  assert.deepEqual([followed.told.length, followed.statuses.length, followed.server.sockets.length], [1, length, 1]);
  assert.deepEqual([followed.stream.status.state, followed.stream.status.error], ["closed", null]);
  assert.equal(clock.timers, 0);
});

test("closing before anything has happened opens nothing", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  followed.stream.close();
  await clock.advance(60_000);
  assert.deepEqual([followed.server.sockets.length, followed.statuses.length, clock.timers], [0, 0, 0]);
});

test("closing in a handler ends the calls then and there", async (context) => {
  const clock = new Clock(context);
  const inMessage = new Followed();
  const socket = await inMessage.connected(1);
  inMessage.onMessage = () => inMessage.stream.close();
  socket.say(heartbeat("P1"));
  socket.say(heartbeat("P2"));
  assert.equal(inMessage.told.length, 2);
  assert.equal(inMessage.stream.position, "P1");

  const server = new FakeServer();
  const told: string[] = [];
  const stream = new Telemetra("http://service.example", server.options).live("demo", {
    onMessage: (message) => told.push(message.type),
    onStatus: ({ state }) => state === "live" && stream.close(),
  });
  const other = await server.socket(1);
  other.open();
  other.say(connected);
  assert.deepEqual(told, []);
  assert.equal(clock.timers, 0);
});

test("closing while it waits, or while a ticket is on its way, ends that too", async (context) => {
  const clock = new Clock(context);
  const waiting = new Followed();
  (await waiting.connected(1)).end();
  waiting.stream.close();
  await clock.advance(60_000);
  assert.equal(waiting.server.sockets.length, 1);

  const asking = new Followed({ token: "secret" });
  asking.server.answer = () => new Promise(() => {});
  await settled();
  asking.stream.close();
  assert.ok(asking.server.requests[0]?.init.signal?.aborted);
  assert.equal(clock.timers, 0);
});

test("a handshake that comes to nothing is given up after ten seconds", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  const socket = await followed.server.socket(1);
  await clock.advance(9_999);
  assert.equal(followed.stream.status.state, "connecting");
  await clock.advance(1);
  assert.ok(socket.wasClosed);
  assert.equal(followed.stream.status.reason, "no answer within 10 s");
  // Late, and of a socket that was let go of.
  socket.open();
  socket.say(heartbeat("P1"));
  assert.deepEqual(followed.told, []);
});

test("an address that the browser refuses to open a socket to is final", async (context) => {
  new Clock(context);
  const followed = new Followed({
    WebSocket: class {
      constructor() {
        throw new Error("An insecure WebSocket connection may not be initiated from a page loaded over HTTPS.");
      }
    } as never,
  });
  await settled();
  assert.equal(followed.stream.status.error?.kind, "address");
});

test("pongs are handed over as they come, and the last error's words are the reason of the end", async (context) => {
  new Clock(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  socket.say(pong);
  socket.say(failure("server_restarting", "The server goes away; come back shortly."));
  socket.end(1012, "reconnect_after_ms=700");
  assert.deepEqual(followed.told.map(({ type }) => type), ["connected", "pong", "error"]);
  assert.equal(followed.stream.status.reason, "The server goes away; come back shortly.");
});

for (const [base, expected] of [
  ["https://service.example/some/prefix/", "wss://service.example/some/prefix/ws/live/a%2Fb%3F"],
  ["ws://service.example:81", "ws://service.example:81/ws/live/a%2Fb%3F"],
] as const) {
  test(`below ${base} the socket is ${expected}`, async (context) => {
    new Clock(context);
    const server = new FakeServer();
    const stream = new Telemetra(base, server.options).live("a/b?", { onMessage: () => {} });
    assert.equal((await server.socket(1)).url.href, expected);
    stream.close();
  });
}

test("an id that no URL can name, and a missing WebSocket, are told where the call is", () => {
  const client = new Telemetra("http://service.example", new FakeServer().options);
  const onMessage = (): void => {};
  for (const id of ["", ".", "..", "\ud800"]) {
    assert.throws(() => client.live(id, { onMessage }), /No URL can name a stream/);
  }
  const { WebSocket } = globalThis;
  try {
    Object.assign(globalThis, { WebSocket: undefined });
    assert.throws(() => new Telemetra("http://service.example").live("demo", { onMessage }), /package ws/);
  } finally {
    Object.assign(globalThis, { WebSocket });
  }
});
