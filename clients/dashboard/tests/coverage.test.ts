import assert from "node:assert/strict";
import { test } from "node:test";
import { Coverage } from "../src/data/coverage.js";

test("of what nobody has read the newest part is missing first", () => {
  const coverage = new Coverage();
  assert.deepEqual(coverage.newestGap(0, Infinity), { from: 0, to: Infinity });
  coverage.add(50, Infinity);
  assert.deepEqual(coverage.newestGap(0, Infinity), { from: 0, to: 50 });
  coverage.add(10, 30);
  assert.deepEqual(coverage.newestGap(0, Infinity), { from: 30, to: 50 });
});

test("stretches that touch are one", () => {
  const coverage = new Coverage();
  coverage.add(50, Infinity);
  coverage.add(20, 50);
  assert.deepEqual(coverage.newestGap(0, 60), { from: 0, to: 20 });
  assert.equal(coverage.newestGap(20, 60), null);
});

test("a gap in the middle ends where the view ends", () => {
  const coverage = new Coverage();
  coverage.add(80, Infinity);
  assert.deepEqual(coverage.newestGap(20, 40), { from: 20, to: 40 });
});

test("all gaps of a range are told, the oldest first", () => {
  const coverage = new Coverage();
  coverage.add(10, 20);
  coverage.add(30, 40);
  assert.deepEqual(coverage.gaps(0, 50), [[0, 10], [20, 30], [40, 50]]);
  assert.deepEqual(coverage.gaps(12, 18), []);
});

test("the beginning of everything is known once it was read", () => {
  const coverage = new Coverage();
  coverage.add(50, Infinity);
  assert.equal(coverage.hasBeginning, false);
  coverage.add(-Infinity, 50);
  assert.equal(coverage.hasBeginning, true);
  assert.equal(coverage.newestGap(-1e9, Infinity), null);
});

test("what is let go is missing again", () => {
  const coverage = new Coverage();
  coverage.add(0, Infinity);
  coverage.keep([[20, 40], [90, Infinity]]);
  assert.deepEqual(coverage.gaps(0, 100), [[0, 20], [40, 90]]);
  assert.deepEqual(coverage.newestGap(0, 100), { from: 40, to: 90 });
});
