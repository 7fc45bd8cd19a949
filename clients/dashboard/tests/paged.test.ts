import assert from "node:assert/strict";
import { test } from "node:test";
import { type Page, TelemetraError } from "telemetra-client";
import { LATEST, Paged } from "../src/data/paged.js";
import { Rows } from "../src/data/rows.js";
import type { ChatWindow } from "../src/data/windows.js";
import { MINUTE, START, window } from "./samples.js";

const PAGE = 10;

/** A history of so many minutes, read in pages of ten from the newest on; and what was asked. */
function history(minutes: number, fail: (asked: number) => void = () => undefined) {
  const asked: number[] = [];
  const all = Array.from({ length: minutes }, (_, minute) => window(minute));
  const before = async (end: number): Promise<Page<ChatWindow>> => {
    asked.push(end);
    fail(asked.length);
    const found = all.filter((one) => one.at < end).toReversed();
    const data = found.slice(0, PAGE);
    const last = data.at(-1);
    return { data, position: null, next: found.length > PAGE && last ? () => before(last.at) : null };
  };
  const rows = new Rows<ChatWindow>();
  const leaving = new AbortController();
  let changed = (): void => undefined;
  const paged = new Paged<ChatWindow, ChatWindow>(rows, (row) => row, before, () => changed(), leaving.signal);
  const idle = (): Promise<void> =>
    new Promise((resolve) => {
      changed = () => (paged.state === "idle" || paged.state === "failed" ? resolve() : undefined);
    });
  return { paged, rows, asked, idle, leave: () => leaving.abort() };
}

test("no more is read than is wanted", async () => {
  const { paged, rows, asked, idle } = history(100);
  const done = idle();
  paged.want(LATEST, Infinity);
  await done;
  assert.equal(rows.list.length, PAGE);
  const more = idle();
  paged.want(START + 75 * MINUTE, Infinity);
  await more;
  // Each page begins with the last window of the one before: others at its instant may follow.
  assert.equal(rows.list[0]?.at, START + 72 * MINUTE);
  assert.equal(asked.length, 3);
  paged.want(START + 80 * MINUTE, Infinity);
  assert.equal(asked.length, 3);
});

test("the beginning is found, and then nothing more is asked for", async () => {
  const { paged, rows, asked, idle } = history(25);
  const done = idle();
  paged.want(START - 1e9, Infinity);
  await done;
  assert.equal(rows.list.length, 25);
  assert.equal(paged.coverage.hasBeginning, true);
  assert.equal(asked.length, 3);
});

test("a place far back is read without all that is between", async () => {
  const { paged, rows, asked, idle } = history(1000);
  let done = idle();
  paged.want(LATEST, Infinity);
  await done;
  done = idle();
  paged.want(START + 100 * MINUTE, START + 105 * MINUTE);
  await done;
  assert.equal(asked.length, 2);
  assert.deepEqual(rows.list.map((row) => row.messages).slice(0, PAGE), [95, 96, 97, 98, 99, 100, 101, 102, 103, 104]);
});

test("windows that share the instant at which a page ends are all read", async () => {
  const rows = new Rows<ChatWindow>();
  const twins = Array.from({ length: 25 }, (_, length) => window(0, { key: `twin ${length}`, until: START + (length + 1) * MINUTE }));
  const from = (first: number): Page<ChatWindow> => ({
    data: twins.slice(first, first + PAGE),
    position: null,
    next: first + PAGE < twins.length ? async () => from(first + PAGE) : null,
  });
  const signal = new AbortController().signal;
  const paged = new Paged<ChatWindow, ChatWindow>(rows, (row) => row, async () => from(0), () => undefined, signal);
  await paged.newest();
  paged.want(START - 1, Infinity);
  while (paged.state !== "idle") {
    await new Promise(setImmediate);
  }
  assert.equal(rows.list.length, 25);
});

test("what fails for good waits to be asked again, and tells why", async () => {
  let isRefused = true;
  const { paged, rows, idle } = history(5, () => {
    if (isRefused) {
      throw new TelemetraError("no", 403);
    }
  });
  const failed = idle();
  paged.want(LATEST, Infinity);
  await failed;
  assert.equal(paged.state, "failed");
  assert.equal((paged.error as TelemetraError).status, 403);
  isRefused = false;
  const done = idle();
  paged.retry();
  await done;
  assert.equal(rows.list.length, 5);
});

test("what may pass is tried again by itself", async () => {
  const { paged, rows, asked, idle, leave } = history(5, (count) => {
    if (count === 1) {
      throw new TelemetraError("away", 503, null, 0.01);
    }
  });
  const done = idle();
  paged.want(LATEST, Infinity);
  await done;
  assert.equal(asked.length, 2);
  assert.equal(rows.list.length, 5);
  leave();
});
