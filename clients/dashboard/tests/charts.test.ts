import assert from "node:assert/strict";
import { test } from "node:test";
import { columnsOf, extent, holesIn, indexAt, indexNear } from "../src/chart/columns.js";
import { Polyline, trace } from "../src/chart/trace.js";
import { valueAxis } from "../src/chart/value-axis.js";
import { View } from "../src/chart/view.js";
import { MINUTE, START, window, windows } from "./samples.js";

const HOUR = 60 * MINUTE;

function lines(minutes: readonly number[], pixelsPerMinute: number, values = minutes): [number, number][][] {
  const columns = columnsOf(minutes.map((minute, index) => window(minute, { rate: values[index] as number })), null);
  const projection = {
    from: START,
    pixelsPerMillisecond: pixelsPerMinute / MINUTE,
    left: 0,
    top: 0,
    high: 0,
    pixelsPerUnit: -1,
    density: 1,
  };
  const found: [number, number][][] = [];
  trace(columns, columns.values.rate, 0, minutes.length, projection, new Polyline(), (line) => {
    found.push(Array.from({ length: line.length }, (_, index) => [line.x(index), line.y(index)]));
  });
  return found;
}

test("a hole in the data is a hole in the line", () => {
  assert.deepEqual(lines([0, 1, 2, 5, 6], 10).map((line) => line.length), [3, 2]);
  assert.equal(holesIn(columnsOf(windows(0, 1, 2, 5, 6, 9), null), 0, 6), 2);
});

test("a window without a value is a hole", () => {
  assert.deepEqual(lines([0, 1, 2, 3], 10, [1, NaN, 2, 3]).map((line) => line.length), [1, 2]);
});

test("where there is room every value is a point of its own", () => {
  assert.deepEqual(lines([0, 1, 2], 10, [4, 9, 1]), [[[0, 4], [10, 9], [20, 1]]]);
});

test("in a column of pixels the first, the lowest, the highest and the last value are drawn", () => {
  const minutes = Array.from({ length: 100 }, (_, minute) => minute);
  const values = minutes.map((minute) => (minute === 31 ? 900 : minute === 57 ? -900 : minute));
  assert.deepEqual(lines(minutes, 0.01, values), [[[0, 0], [0, 900], [0, -900], [0, 99]].map(([x, y]) => [x, y] as [number, number])].map(
    (line) => [line[0], ...line.slice(1, 3).sort(([, one], [, other]) => (one as number) - (other as number)), line[3]] as [number, number][],
  ));
});

test("ten thousand windows are no more points than the chart is wide, times four", () => {
  const minutes = Array.from({ length: 10_080 }, (_, minute) => minute);
  const [line] = lines(minutes, 1000 / 10_080, minutes.map((minute) => (minute * 7919) % 1000));
  assert.ok((line as unknown[]).length <= 4 * 1001);
});

test("of mixed lengths the most common one is drawn, and another where it is chosen", () => {
  const five = (minute: number) => window(minute, { until: START + (minute + 5) * MINUTE });
  const mixed = [window(0), five(0), window(1), window(2), window(3), window(4), five(5), window(5)];
  const usual = columnsOf(mixed, null);
  assert.equal(usual.length, MINUTE);
  assert.equal(usual.windows.length, 6);
  assert.deepEqual(usual.lengths, [MINUTE, 5 * MINUTE]);
  assert.equal(columnsOf(mixed, 5 * MINUTE).windows.length, 2);
});

test("sliding windows of one length are one line", () => {
  const sliding = [0, 1, 2, 3].map((minute) => window(minute, { until: START + (minute + 5) * MINUTE }));
  const columns = columnsOf(sliding, null);
  assert.equal(columns.step, MINUTE);
  assert.equal(holesIn(columns, 0, 4), 0);
});

test("windows that all differ in length are all drawn", () => {
  const odd = Array.from({ length: 30 }, (_, index) => window(index * 2, { until: START + index * 2 * MINUTE + 1000 + index }));
  const columns = columnsOf(odd, null);
  assert.equal(columns.length, null);
  assert.equal(columns.windows.length, 30);
});

test("windows are found by time", () => {
  const columns = columnsOf(windows(0, 1, 2, 10), null);
  assert.equal(indexAt(columns, START + 1), 1);
  assert.equal(indexNear(columns, START + 5 * MINUTE), 2);
  assert.equal(indexNear(columns, START + 7 * MINUTE), 3);
  assert.equal(indexNear(columns, START + 99 * MINUTE), 3);
  assert.equal(indexNear(columnsOf([], null), START), -1);
  assert.deepEqual(extent(columns.values.chatters, 1, 3), [1, 2]);
});

test("a value axis has round marks that hold all values", () => {
  assert.deepEqual(valueAxis("from-zero", 3, 17, 4).ticks, [0, 5, 10, 15, 20]);
  assert.deepEqual(valueAxis("from-zero", 0, 0.31, 4).ticks, [0, 0.1, 0.2, 0.3, 0.4]);
  assert.deepEqual(valueAxis("around", 980, 1020, 4).ticks, [980, 990, 1000, 1010, 1020]);
  assert.equal(valueAxis("around", 10, 1020, 4).low, 0);
  assert.deepEqual(valueAxis([-1, 1], 0, 0, 4).ticks, [-1, 0, 1]);
  for (const axis of [valueAxis("from-zero", 0, 0, 4), valueAxis("around", 5, 5, 4), valueAxis("from-zero", Infinity, -Infinity, 4)]) {
    assert.ok(axis.high > axis.low);
  }
});

function view(begins: number | null = null, ends = START + 10 * HOUR): View {
  const made = new View(() => undefined);
  made.bound({ begins, ends, step: MINUTE });
  made.showSpan(HOUR);
  return made;
}

test("a view that follows goes along with the newest window", () => {
  const moving = view();
  const before = moving.range.to;
  moving.bound({ begins: null, ends: START + 10 * HOUR + MINUTE, step: MINUTE });
  assert.equal(moving.range.to - before, MINUTE);
  moving.pan(-HOUR);
  const rest = moving.range;
  moving.bound({ begins: null, ends: START + 11 * HOUR, step: MINUTE });
  assert.deepEqual(moving.range, rest);
  assert.equal(moving.isFollowing, false);
});

test("panning to the newest window follows again, and never leads past it", () => {
  const moving = view();
  moving.pan(-HOUR);
  moving.pan(5 * HOUR);
  assert.equal(moving.isFollowing, true);
  assert.ok(moving.range.to < START + 10.1 * HOUR);
});

test("panning ends where data begins", () => {
  const moving = view(START);
  moving.pan(-100 * HOUR);
  assert.ok(moving.range.to > START);
  assert.ok(moving.range.from < START);
});

test("zooming leaves what is under the pointer where it is", () => {
  const moving = view();
  moving.pan(-2 * HOUR);
  const anchor = moving.range.from + 0.25 * moving.span;
  moving.zoom(0.5, anchor);
  assert.equal(Math.round(moving.range.from + 0.25 * moving.span), Math.round(anchor));
});

test("a jump can be taken back, also after another one", () => {
  const moving = view();
  moving.pan(-HOUR);
  const before = moving.range;
  moving.jump(START + HOUR);
  moving.jump(START + 3 * HOUR);
  assert.ok(moving.range.from < START + 3 * HOUR && START + 3 * HOUR < moving.range.to);
  assert.equal(moving.canReturn, true);
  moving.goBack();
  assert.deepEqual(moving.range, before);
  assert.equal(moving.canReturn, false);
});

test("all there is is shown, also when more is found or comes", () => {
  const moving = view();
  moving.fit();
  moving.bound({ begins: START, ends: START + 10 * HOUR, step: MINUTE });
  assert.ok(moving.range.from <= START && moving.range.to >= START + 10 * HOUR);
  assert.ok(moving.span < 11 * HOUR);
  moving.bound({ begins: START, ends: START + 12 * HOUR, step: MINUTE });
  assert.ok(moving.range.from <= START && moving.range.to >= START + 12 * HOUR);
});

test("all there is is known to be cut where it is more than can be shown", () => {
  const moving = view();
  const ends = START + 50_000 * MINUTE;
  moving.bound({ begins: null, ends, step: MINUTE });
  assert.ok(!moving.isCut(true));
  moving.fit();
  assert.ok(!moving.isCut(false));
  assert.ok(moving.isCut(true));
  moving.bound({ begins: START, ends, step: MINUTE });
  assert.ok(moving.isCut(true));
  moving.bound({ begins: START + 10_000 * MINUTE, ends, step: MINUTE });
  assert.ok(!moving.isCut(true));
});
