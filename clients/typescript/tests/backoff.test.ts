/** When the next connection is tried: jitter, the server's advice, and what makes it begin again. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Clock } from "./clock.js";
import { Followed, heartbeat } from "./network.js";

function delayOf(followed: Followed, clock: Clock): number {
  const { state, retryAt } = followed.stream.status;
  assert.equal(state, "waiting");
  return (retryAt ?? Number.NaN) - clock.now;
}

/** Ends connection after connection before it is any use, and returns the delays that follow. */
async function delays(followed: Followed, clock: Clock, count: number, reason = ""): Promise<number[]> {
  const seen: number[] = [];
  for (let number = 1; number <= count; number += 1) {
    (await followed.connected(number)).end(1013, reason);
    seen.push(delayOf(followed, clock));
    await clock.advance(seen.at(-1) ?? 0);
  }
  return seen;
}

test("delays double from a quarter of a second to half a minute", async (context) => {
  const clock = new Clock(context);
  clock.draw = 0.5;
  const seen = await delays(new Followed(), clock, 10);
  assert.deepEqual(seen, [125, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
});

test("the jitter is full: a delay may be anything from nothing on", async (context) => {
  const clock = new Clock(context);
  clock.draw = 0;
  assert.deepEqual(await delays(new Followed(), clock, 3), [0, 0, 0]);
});

test("the server's advice goes first, and never shortens what failures have added up to", async (context) => {
  const clock = new Clock(context);
  const seen = await delays(new Followed(), clock, 5, "reconnect_after_ms=700");
  assert.deepEqual(seen, [700, 700, 1_000, 2_000, 4_000]);
});

test("advice of more than five minutes is taken for five", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  (await followed.connected(1)).end(1013, "reconnect_after_ms=999999999");
  assert.equal(delayOf(followed, clock), 300_000);
});

test("only a message that is of use makes it begin again", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  await delays(followed, clock, 3);
  const socket = await followed.connected(4);
  socket.say({ type: "error", code: "database_unavailable", detail: "Away." });
  socket.end(1013);
  assert.equal(delayOf(followed, clock), 2_000);
  await clock.advance(2_000);
  const good = await followed.connected(5);
  good.say(heartbeat("P1"));
  good.end(1013);
  assert.equal(delayOf(followed, clock), 250);
});

test("the reason stays while it tries again, and goes when it is connected", async (context) => {
  const clock = new Clock(context);
  const followed = new Followed();
  (await followed.connected(1)).end(1011);
  await clock.advance(250);
  assert.deepEqual([followed.stream.status.state, followed.stream.status.reason], ["connecting", "close code 1011"]);
  await followed.connected(2);
  assert.equal(followed.stream.status.reason, null);
});
