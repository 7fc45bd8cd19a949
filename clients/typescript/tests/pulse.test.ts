/** Dead sockets, and healthy ones that only look dead: silence, late timers, frozen tabs, networks that come and go. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { Clock, settled } from "./clock.js";
import { Followed, heartbeat, pong } from "./network.js";

const PING = '{"type":"ping"}';

/** A page's globals, as far as they tell when it wakes. */
function page(context: TestContext): { fire: (type: string, fields?: object) => void; document: EventTarget } {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  Object.assign(globalThis, { addEventListener: window.addEventListener.bind(window), document });
  context.after(() => {
    Object.assign(globalThis, { addEventListener: undefined, document: undefined });
  });
  return { document, fire: (type, fields) => window.dispatchEvent(Object.assign(new Event(type), fields)) };
}

test("silence for twice the heartbeat has it ask, and no answer within four seconds drops the socket", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  const socket = await followed.connected(1, { heartbeat_seconds: 10 });
  await clock.advance(19_999);
  assert.deepEqual(socket.sent, []);
  await clock.advance(1);
  assert.deepEqual(socket.sent, [PING]);
  await clock.advance(3_999);
  assert.equal(followed.stream.status.state, "live");
  await clock.advance(1);
  assert.ok(socket.wasClosed);
  assert.equal(followed.stream.status.reason, "nothing heard any more");
});

test("a socket that says something is left alone, and one that answers too", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  const socket = await followed.connected(1, { heartbeat_seconds: 10 });
  for (let beat = 0; beat < 20; beat += 1) {
    await clock.advance(15_000);
    socket.say(heartbeat(`P${beat}`));
  }
  assert.deepEqual(socket.sent, []);
  await clock.advance(20_000);
  socket.say(pong);
  await clock.advance(19_000);
  assert.deepEqual(socket.sent, [PING]);
  assert.equal(followed.stream.status.state, "live");
});

test("a server that never says that it is connected is given up after 34 seconds", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  (await followed.server.socket(1)).open();
  await clock.advance(33_999);
  assert.equal(followed.stream.status.state, "connecting");
  await clock.advance(1);
  assert.equal(followed.stream.status.state, "waiting");
});

test("a tab that was frozen for an hour keeps a socket whose frames wait to be handled", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  clock.freeze(3_600_000);
  // The timer runs before the frames.
  await clock.advance(0);
  assert.equal(followed.stream.status.state, "live");
  socket.say(heartbeat("P1"));
  await clock.advance(29_000);
  assert.equal(followed.stream.status.state, "live");
  assert.equal(followed.server.sockets.length, 1);
});

test("a tab that is frozen just while it waits for the answer gives it its time again", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  await clock.advance(30_000);
  assert.deepEqual(socket.sent, [PING]);
  clock.freeze(600_000);
  await clock.advance(0);
  assert.equal(followed.stream.status.state, "live");
  assert.deepEqual(socket.sent, [PING, PING]);
  socket.say(pong);
  await clock.advance(20_000);
  assert.equal(followed.stream.status.state, "live");
});

test("where timers are late for ever, as in a hidden tab, a dead socket is dropped all the same", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  await followed.connected(1);
  for (let minute = 0; minute < 4; minute += 1) {
    clock.freeze(60_000);
    await clock.advance(0);
  }
  assert.equal(followed.stream.status.state, "waiting");
});

test("a clock that is set back does not make it deaf", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  clock.freeze(-86_400_000);
  await clock.advance(86_400_000 + 30_000);
  await clock.advance(30_000);
  assert.deepEqual(socket.sent.slice(0, 1), [PING]);
});

for (const type of ["online", "pageshow", "visibilitychange", "resume"]) {
  test(`${type} has one that waits come back at once, with a short backoff`, async (context) => {
    const clock = new Clock(context);
    const { fire, document } = page(context);
    const followed = new Followed();
    for (let number = 1; number <= 6; number += 1) {
      (await followed.connected(number)).end(1012, "reconnect_after_ms=20000");
      if (number < 6) await clock.advance(20_000);
    }
    if (["online", "pageshow"].includes(type)) fire(type, { persisted: true });
    else document.dispatchEvent(new Event(type));
    (await followed.server.socket(7)).end();
    assert.ok((followed.stream.status.retryAt ?? 0) <= clock.now + 250);
  });

  test(`${type} has one that looks connected ask, and drop the socket where nothing comes`, async (context) => {
    const clock = new Clock(context);
    const { fire, document } = page(context);
    const followed = new Followed();
    const socket = await followed.connected(1);
    await clock.advance(5_000);
    if (["online", "pageshow"].includes(type)) fire(type, { persisted: true });
    else document.dispatchEvent(new Event(type));
    await clock.advance(0);
    assert.deepEqual(socket.sent, [PING]);
    await clock.advance(4_000);
    await clock.advance(250);
    await followed.server.socket(2);
  });
}

test("a page that is shown for the first time, or hidden, is no reason to ask", async (context) => {
  const clock = new Clock(context);
  const { fire, document } = page(context);
  const socket = await new Followed().connected(1);
  fire("pageshow", { persisted: false });
  Object.assign(document, { visibilityState: "hidden" });
  document.dispatchEvent(new Event("visibilitychange"));
  await clock.advance(10_000);
  assert.deepEqual(socket.sent, []);
});

test("however often the tab wakes, it asks at most every other second", async (context) => {
  const clock = new Clock(context);
  const { document } = page(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  for (let turn = 0; turn < 100; turn += 1) {
    document.dispatchEvent(new Event("visibilitychange"));
    await clock.advance(100);
    socket.say(pong);
  }
  assert.ok(socket.sent.length >= 4 && socket.sent.length <= 6, `${socket.sent.length} pings in ten seconds`);
  assert.equal(followed.stream.status.state, "live");
});

test("a network that is said to be gone is found dead within seconds, and one that is not is kept", async (context) => {
  const clock = new Clock(context);
  const { fire } = page(context);
  const followed = new Followed();
  const socket = await followed.connected(1);
  fire("offline");
  await clock.advance(100);
  socket.say(pong);
  await clock.advance(5_000);
  assert.equal(followed.stream.status.state, "live");
  fire("offline");
  await clock.advance(4_000);
  assert.equal(followed.stream.status.state, "waiting");
});

test("a handshake that began before the network returned is begun again", async (context) => {
  const clock = new Clock(context);
  const { fire } = page(context);
  const followed = new Followed();
  const stuck = await followed.server.socket(1);
  await clock.advance(3_000);
  fire("online");
  await followed.server.socket(2);
  assert.ok(stuck.wasClosed);
});

test("one that is closed hears nothing of its page any more", async (context) => {
  const clock = new Clock(context);
  const { fire, document } = page(context);
  const followed = new Followed();
  (await followed.connected(1)).end();
  followed.stream.close();
  fire("online");
  document.dispatchEvent(new Event("visibilitychange"));
  await settled();
  assert.equal(followed.server.sockets.length, 1);
  assert.equal(clock.timers, 0);
});
