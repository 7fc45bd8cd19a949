import assert from "node:assert/strict";
import { test } from "node:test";
import { timeTicks } from "../src/chart/time-axis.js";
import { duration, ending, timeAgo } from "../src/format.js";
import { hashOf, routeOf, whyUnnameable } from "../src/routes.js";
import { isOfNow } from "../src/data/windows.js";
import { Zone } from "../src/zone.js";
import { MINUTE, window } from "./samples.js";

// The tests run in Europe/Berlin: see test.mjs.
const local = new Zone("local");
const utc = new Zone("utc");
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test("marks are round times of the zone that is shown", () => {
  const from = Date.UTC(2026, 4, 1, 18, 7);
  const inUtc = timeTicks(from, from + HOUR, 8, utc).map((tick) => tick.label);
  assert.deepEqual(inUtc, ["18:10", "18:20", "18:30", "18:40", "18:50", "19:00"]);
  const here = timeTicks(from, from + HOUR, 8, local).map((tick) => tick.label);
  assert.deepEqual(here, ["20:10", "20:20", "20:30", "20:40", "20:50", "21:00"]);
});

test("a new day is a mark of its own kind, at midnight in the zone", () => {
  const from = Date.UTC(2026, 4, 1, 18);
  const [midnight] = timeTicks(from, from + 12 * HOUR, 8, local).filter((tick) => tick.isMajor);
  assert.equal(midnight?.at, Date.UTC(2026, 4, 1, 22));
});

test("days of 23 and 25 hours keep their marks at round times", () => {
  for (const day of [Date.UTC(2026, 2, 28, 23), Date.UTC(2026, 9, 24, 22)]) {
    const ticks = timeTicks(day, day + 3 * DAY, 14, local);
    assert.ok(ticks.length >= 10);
    const majors = ticks.filter((tick) => tick.isMajor);
    assert.ok(majors.length >= 3);
    assert.deepEqual(majors.map((tick) => new Date(tick.at).getHours()), majors.map(() => 0));
    const spacings = ticks.slice(1).map((tick, index) => tick.at - (ticks[index]?.at ?? 0));
    assert.ok(Math.min(...spacings) >= 2 * HOUR);
  }
});

test("no range has more marks than fit, from seconds to decades", () => {
  for (let span = 1000; span < 40 * 365 * DAY; span *= 1.7) {
    const ticks = timeTicks(1.7e12, 1.7e12 + span, 10, local);
    assert.ok(ticks.length <= 13, `${ticks.length} for ${span}`);
    assert.ok(ticks.length >= 1 || span < 3000, `none for ${span}`);
  }
});

test("panning does not move the marks of days and months", () => {
  for (const span of [20 * DAY, 60 * DAY, 900 * DAY]) {
    const from = Date.UTC(2026, 4, 1);
    const before = timeTicks(from, from + span, 8, utc).map((tick) => tick.at);
    const after = timeTicks(from + DAY, from + DAY + span, 8, utc).map((tick) => tick.at);
    assert.ok(before.filter((at) => after.includes(at)).length >= before.length - 1);
  }
});

test("a zone says what it is called", () => {
  assert.equal(local.label(Date.UTC(2026, 6, 1)), "Europe/Berlin (GMT+2)");
  assert.equal(local.label(Date.UTC(2026, 0, 1)), "Europe/Berlin (GMT+1)");
  assert.equal(utc.label(0), "UTC");
  assert.equal(local.offset(Date.UTC(2026, 6, 1)), "GMT+2");
  assert.equal(utc.offset(0), "UTC");
});

test("times ago and lengths are in words", () => {
  assert.equal(timeAgo(0, 500), "now");
  assert.equal(timeAgo(0, 90_000), "1 min. ago");
  assert.equal(timeAgo(5000, 0), "in 5 sec.");
  assert.equal(timeAgo(64 * 60_000, 0), "in 1 hr.");
  assert.equal(duration(60_000), "1 min");
  assert.equal(duration(90_000), "1.5 min");
  assert.equal(duration(5000), "5 s");
});

test("a window that has not ended is told as such", () => {
  assert.equal(ending(0, 60_000, 180_000), "ended 2 min. ago");
  assert.equal(ending(0, 60_000, 60_000), "ended now");
  assert.equal(ending(0, 60_000, 30_000), "still open");
  assert.equal(ending(63 * 60_000, 64 * 60_000, 0), "ends in 1 hr.");
});

test("a stream is of now while the end of its newest window is near, before and after", () => {
  const newest = window(0);
  assert.ok(isOfNow(newest, newest.at));
  assert.ok(isOfNow(newest, newest.until + 2 * MINUTE));
  assert.ok(!isOfNow(newest, newest.until + 3 * MINUTE));
  assert.ok(!isOfNow(newest, newest.until - 64 * MINUTE));
  const brief = window(0, { until: newest.at + 1000 });
  assert.ok(isOfNow(brief, brief.until + 14_000));
  assert.ok(!isOfNow(brief, brief.until + 15_000));
});

test("any id has an address, and comes back out of it", () => {
  for (const streamId of ["lofi", "a/b", "#/streams/x", "100%", "ünï\u{1f600}", "<script>alert(1)</script>", "a b?c=d&e", "\u202e'\""]) {
    assert.deepEqual(routeOf(hashOf({ page: "stream", streamId })), { page: "stream", streamId });
  }
});

test("what is no address of a stream is the list", () => {
  for (const hash of ["", "#", "#/", "#/streams/", "#/streams/%", "#/streams/%ff", "#/elsewhere"]) {
    assert.deepEqual(routeOf(hash), { page: "streams" });
  }
});

test("what no address can name is told", () => {
  assert.equal(whyUnnameable("fine"), null);
  for (const streamId of ["", ".", "..", "x".repeat(513), "ü".repeat(257)]) {
    assert.ok(whyUnnameable(streamId));
  }
});
