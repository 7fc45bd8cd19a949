import assert from "node:assert/strict";
import { test } from "node:test";
import { firstAt, Rows } from "../src/data/rows.js";
import type { ChatWindow } from "../src/data/windows.js";
import { MINUTE, START, window, windows } from "./samples.js";

function held(rows: Rows<ChatWindow>): readonly number[] {
  return rows.list.map((row) => (row.at - START) / MINUTE);
}

function merged(rows: Rows<ChatWindow>, page: readonly ChatWindow[], from = -Infinity, to = Infinity): boolean {
  const reading = rows.begin();
  const counts = rows.merge(reading, page, from, to);
  rows.end(reading);
  return counts;
}

test("rows are in the order of time, however they come", () => {
  const rows = new Rows<ChatWindow>();
  merged(rows, windows(5, 3));
  rows.tell(window(6));
  rows.tell(window(1));
  rows.tell(window(4));
  assert.deepEqual(held(rows), [1, 3, 4, 5, 6]);
});

test("a row that is told again takes the place of its older form", () => {
  const rows = new Rows<ChatWindow>();
  rows.tell(window(1));
  rows.tell(window(1, { messages: 99 }));
  assert.deepEqual(rows.list.map((row) => row.messages), [99]);
});

test("windows that begin together and end apart are two", () => {
  const rows = new Rows<ChatWindow>();
  rows.tell(window(1));
  rows.tell(window(1, { until: START + 6 * MINUTE }));
  assert.equal(rows.list.length, 2);
});

test("a page takes away what is gone in its stretch of time, and nothing beyond", () => {
  const rows = new Rows<ChatWindow>();
  merged(rows, windows(1, 2, 3, 4));
  merged(rows, windows(3), START + 2 * MINUTE, START + 4 * MINUTE);
  assert.deepEqual(held(rows), [1, 3, 4]);
});

test("what was told while a page was on its way is newer than the page", () => {
  const rows = new Rows<ChatWindow>();
  merged(rows, windows(1, 2));
  const reading = rows.begin();
  rows.tell(window(1, { messages: 99 }));
  rows.tellRemoved(window(2).key);
  rows.tell(window(3));
  rows.merge(reading, windows(1, 2), -Infinity, Infinity);
  assert.deepEqual(held(rows), [1, 3]);
  assert.equal(rows.list[0]?.messages, 99);
});

test("what was told before a page was asked for is no reason to doubt it", () => {
  const rows = new Rows<ChatWindow>();
  const other = rows.begin();
  rows.tell(window(1, { messages: 99 }));
  merged(rows, [window(1, { messages: 100 })]);
  rows.end(other);
  assert.equal(rows.list[0]?.messages, 100);
});

test("a page of another history than that of now does not count", () => {
  const rows = new Rows<ChatWindow>();
  const reading = rows.begin();
  rows.clear();
  assert.equal(rows.merge(reading, windows(1), -Infinity, Infinity), false);
  assert.deepEqual(held(rows), []);
});

test("every change is a new version", () => {
  const rows = new Rows<ChatWindow>();
  const seen = new Set([rows.version]);
  for (const change of [() => rows.tell(window(1)), () => merged(rows, windows(1)), () => rows.tellRemoved(window(1).key), () => rows.clear()]) {
    change();
    assert.ok(!seen.has(rows.version));
    seen.add(rows.version);
  }
});

test("the first row at a time is found", () => {
  const list = windows(1, 3, 5);
  assert.equal(firstAt(list, START), 0);
  assert.equal(firstAt(list, START + 3 * MINUTE), 1);
  assert.equal(firstAt(list, START + 9 * MINUTE), 3);
});
