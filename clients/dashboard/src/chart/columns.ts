/**
 * Windows as columns of numbers, which is what can be drawn quickly: a missing value is NaN.
 *
 * Where windows overlap or several lengths are mixed, a line through all of them would jump up and down between different
 * things. So one length is drawn, the most common one unless another is chosen, each window at its start. Sliding windows
 * of one length are a line like any other.
 */

import { type ChatWindow, lengthsOf, type Metric, stepOf } from "../data/windows.js";

export interface Columns {
  readonly windows: readonly ChatWindow[];
  /** Starts, ascending. */
  readonly at: Float64Array;
  /** 1 where a window follows upon the one before it; 0 after a hole. */
  readonly joined: Uint8Array;
  readonly values: Readonly<Record<Metric, Float64Array>>;
  /** How far apart windows are where none is missing, in milliseconds. */
  readonly step: number;
  /** The lengths that could be drawn, in milliseconds, the most common first. */
  readonly lengths: readonly number[];
  /** The length that is drawn; null where windows have no common one, and all are. */
  readonly length: number | null;
}

/** A spacing larger than so many usual ones is a hole. */
const HOLE = 1.5;
const DEFAULT_STEP = 60_000;

export function columnsOf(all: readonly ChatWindow[], wanted: number | null): Columns {
  const lengths = lengthsOf(all);
  const length = wanted !== null && lengths.includes(wanted) ? wanted : (lengths[0] ?? null);
  const windows = length === null || lengths.length === 0 ? all : all.filter((one) => one.until - one.at === length);
  const step = stepOf(windows) ?? length ?? DEFAULT_STEP;
  const count = windows.length;
  const at = new Float64Array(count);
  const joined = new Uint8Array(count);
  const values = {
    rate: new Float64Array(count),
    viewers: new Float64Array(count),
    chatters: new Float64Array(count),
    sentiment: new Float64Array(count),
  };
  for (let index = 0; index < count; index += 1) {
    const window = windows[index] as ChatWindow;
    at[index] = window.at;
    joined[index] = index > 0 && window.at - (windows[index - 1] as ChatWindow).at <= step * HOLE ? 1 : 0;
    values.rate[index] = window.rate ?? NaN;
    values.viewers[index] = window.viewers ?? NaN;
    values.chatters[index] = window.chatters;
    values.sentiment[index] = window.sentiment ?? NaN;
  }
  return { windows, at, joined, values, step, lengths, length };
}

/** Index of the first window that starts at `at` or later. */
export function indexAt(columns: Columns, at: number): number {
  let low = 0;
  let high = columns.at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((columns.at[middle] as number) < at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** Index of the window that starts closest to `at`; -1 where there is none. */
export function indexNear(columns: Columns, at: number): number {
  const after = indexAt(columns, at);
  const before = after - 1;
  if (after === columns.at.length || before < 0) {
    return after === columns.at.length ? before : after;
  }
  return at - (columns.at[before] as number) <= (columns.at[after] as number) - at ? before : after;
}

/** Lowest and highest value among windows [first, last); Infinity and -Infinity where there is none. */
export function extent(values: Float64Array, first: number, last: number): readonly [number, number] {
  let lowest = Infinity;
  let highest = -Infinity;
  for (let index = first; index < last; index += 1) {
    const value = values[index] as number;
    // NaN is neither.
    if (value < lowest) {
      lowest = value;
    }
    if (value > highest) {
      highest = value;
    }
  }
  return [lowest, highest];
}

/** How many holes lie between windows [first, last). */
export function holesIn(columns: Columns, first: number, last: number): number {
  let holes = 0;
  for (let index = first + 1; index < last; index += 1) {
    holes += columns.joined[index] ? 0 : 1;
  }
  return holes;
}
