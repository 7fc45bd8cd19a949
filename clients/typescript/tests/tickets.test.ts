/** Tickets: what stands in for a token, which no standard WebSocket can send. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Clock, settled } from "./clock.js";
import { Followed } from "./network.js";

const ticket = (name: string): Response =>
  Response.json({ ticket: name, expires_at: "2026-01-01T00:00:30Z" }, { status: 201 });
const problem = (status: number, code: string, headers: Record<string, string> = {}): Response =>
  Response.json({ type: `urn:telemetra:problem:${code}`, title: code, status, detail: `It is ${code}.`, code }, { status, headers });

test("with a token each connection takes a ticket of its own", async (context) => {
  const clock = new Clock(context);
  const tokens = ["one", "two"];
  const followed = new Followed({ token: async () => tokens.shift() ?? "none", since: "P1" });
  followed.server.answer = (request) => ticket(`T${request}`);
  const first = await followed.connected(1);
  assert.equal(first.url.href, "ws://service.example/ws/live/demo?since=P1&ticket=T1");
  first.end();
  await clock.advance(250);
  assert.equal((await followed.server.socket(2)).ticket, "T2");
  const [one, two] = followed.server.requests;
  assert.equal(one?.url, "http://service.example/api/v1/live-tickets");
  assert.equal(one?.init.method, "POST");
  assert.deepEqual(
    [one, two].map((request) => (request?.init.headers as Record<string, string>)["Authorization"]),
    ["Bearer one", "Bearer two"],
  );
});

for (const [status, kind] of [
  [401, "credential"],
  [403, "access"],
] as const) {
  test(`${status} for a ticket is final`, async (context) => {
    const clock = new Clock(context);
    const followed = new Followed({ token: "revoked" });
    followed.server.answer = () => problem(status, "credential_invalid");
    await settled();
    const { state, error, reason } = followed.stream.status;
    assert.deepEqual([state, error?.kind, error?.code, reason], ["closed", kind, status, "It is credential_invalid."]);
    await clock.advance(3_600_000);
    assert.equal(followed.server.requests.length, 1);
  });
}

test("any other failure for a ticket passes, and the server says when to ask again", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed({ token: "good" });
  followed.server.answer = (request) =>
    request === 1 ? problem(503, "database_unavailable", { "Retry-After": "7" }) : ticket("T");
  await settled();
  assert.equal((followed.stream.status.retryAt ?? 0) - clock.now, 7_000);
  await clock.advance(7_000);
  await followed.connected(1);
  assert.equal(followed.stream.status.state, "live");
});

test("a network that is away, a token that can't be had and a page of another's are tried again", async (context) => {
  const clock = new Clock(context);
  let fault = 0;
  const followed = new Followed({
    token: () => {
      if (fault === 1) throw new Error("the login is away");
      return "good";
    },
  });
  followed.server.answer = () => {
    if (fault === 0) throw new TypeError("fetch failed");
    return new Response("<html>", { status: 200 });
  };
  await settled();
  assert.match(followed.stream.status.reason ?? "", /fetch failed/);
  fault = 1;
  await clock.advance(250);
  assert.match(followed.stream.status.reason ?? "", /the login is away/);
  fault = 2;
  await clock.advance(500);
  assert.match(followed.stream.status.reason ?? "", /HTTP 200, but no JSON/);
  assert.equal(followed.stream.status.state, "waiting");
});

test("a ticket that does not come is given up after ten seconds", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed({ token: "good" });
  followed.server.answer = () => new Promise(() => {});
  await clock.advance(10_000);
  assert.equal(followed.stream.status.reason, "no answer within 10 s");
  assert.ok(followed.server.requests[0]?.init.signal?.aborted);
});

test("without a token none is taken", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  assert.equal(socket.ticket, null);
  socket.end();
  await clock.advance(250);
  await followed.connected(2);
  assert.equal(followed.server.requests.length, 0);
});

for (const token of [undefined, "not for this stream"]) {
  test(`after a handshake that failed ${token ? "with" : "without"} a token, a read tells whether it is refused`, async (context) => {
    const clock = new Clock(context);
    const followed = new Followed({ token });
    followed.server.answer = () => ticket("T");
    (await followed.server.socket(1)).end();
    assert.equal(followed.stream.status.reason, "no connection");
    followed.server.answer = () => (token ? problem(403, "access_denied") : problem(401, "credential_missing"));
    await clock.advance(250);
    assert.equal(followed.stream.status.error?.kind, token ? "access" : "credential");
    assert.equal(followed.server.requests.at(-1)?.url, "http://service.example/api/v1/streams/demo");
    assert.equal(followed.server.sockets.length, 1);
  });
}

for (const [what, answer] of [
  ["an unknown page", () => new Response("no such page", { status: 404 })],
  ["a database that is away", () => problem(503, "database_unavailable")],
  ["a page's origin that is not allowed", () => Promise.reject(new TypeError("Failed to fetch"))],
  ["nothing that the read knows of", () => Response.json({ stream_id: "demo" })],
] as const) {
  test(`a handshake that failed for ${what} is tried again`, async (context) => {
    const clock = new Clock(context);
    const followed = new Followed();
    followed.server.answer = answer;
    (await followed.server.socket(1)).end();
    await clock.advance(250);
    (await followed.connected(2)).end();
    await clock.advance(500);
    await followed.server.socket(3);
    assert.equal(followed.server.requests.length, 1);
  });
}
