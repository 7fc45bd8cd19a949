/**
 * A series as lines of pixels: of all the values that share one column of pixels, the first, the lowest, the highest and
 * the last are drawn, which looks the same as all of them and costs no more than the chart is wide.
 */

import type { Columns } from "./columns.js";

/** Points of one unbroken line, in pixels. Reused for every line: look at it, don't keep it. */
export class Polyline {
  #points = new Float32Array(1024);
  length = 0;

  add(x: number, y: number): void {
    if (this.length * 2 === this.#points.length) {
      const larger = new Float32Array(this.#points.length * 2);
      larger.set(this.#points);
      this.#points = larger;
    }
    this.#points[this.length * 2] = x;
    this.#points[this.length * 2 + 1] = y;
    this.length += 1;
  }

  x(index: number): number {
    return this.#points[index * 2] as number;
  }

  y(index: number): number {
    return this.#points[index * 2 + 1] as number;
  }
}

/** From an instant to pixels, and from a value to pixels. */
export interface Projection {
  readonly from: number;
  readonly pixelsPerMillisecond: number;
  readonly left: number;
  readonly top: number;
  readonly high: number;
  readonly pixelsPerUnit: number;
  /** Columns in a pixel, as on a screen of high density. */
  readonly density: number;
}

/** Call `draw` with each unbroken line of a series among windows [first, last). */
export function trace(
  columns: Columns,
  values: Float64Array,
  first: number,
  last: number,
  projection: Projection,
  line: Polyline,
  draw: (line: Polyline) => void,
): void {
  const { from, pixelsPerMillisecond, left, top, high, pixelsPerUnit, density } = projection;
  const { at, joined } = columns;
  let column = NaN;
  let [x, enter, low, peak, leave, count] = [0, 0, 0, 0, 0, 0];

  const y = (value: number): number => top + (high - value) * pixelsPerUnit;
  const endColumn = (): void => {
    if (count > 0) {
      line.add(x, y(enter));
    }
    if (count > 1) {
      // The way through the column that turns least.
      const [one, other] = leave > enter ? [low, peak] : [peak, low];
      line.add(x, y(one));
      line.add(x, y(other));
      line.add(x, y(leave));
    }
    count = 0;
    column = NaN;
  };
  const endLine = (): void => {
    endColumn();
    if (line.length > 0) {
      draw(line);
    }
    line.length = 0;
  };

  line.length = 0;
  for (let index = first; index < last; index += 1) {
    const value = values[index] as number;
    if (!joined[index] || value !== value) {
      endLine();
      if (value !== value) {
        continue;
      }
    }
    const here = left + ((at[index] as number) - from) * pixelsPerMillisecond;
    const itsColumn = Math.floor(here * density);
    if (itsColumn === column) {
      count += 1;
      low = Math.min(low, value);
      peak = Math.max(peak, value);
      leave = value;
    } else {
      endColumn();
      [column, x, enter, low, peak, leave, count] = [itsColumn, here, value, value, value, value, 1];
    }
  }
  endLine();
}
