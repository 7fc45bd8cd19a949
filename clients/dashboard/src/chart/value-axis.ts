/** How a value axis runs: from where to where, with marks at round numbers. */

export interface ValueAxis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** How an axis chooses its ends: always these two, from zero up, or around what is there. */
export type AxisKind = readonly [number, number] | "from-zero" | "around";

const CLOSE = 0.7;

export function valueAxis(kind: AxisKind, lowest: number, highest: number, most: number): ValueAxis {
  if (typeof kind !== "string") {
    return { low: kind[0], high: kind[1], ticks: [kind[0], (kind[0] + kind[1]) / 2, kind[1]] };
  }
  if (!(lowest <= highest)) {
    return { low: 0, high: 1, ticks: [0] };
  }
  // Where all values are close to each other, an axis from zero would show a flat line.
  const base = kind === "around" && lowest > highest * CLOSE ? lowest : Math.min(0, lowest);
  const top = highest > base ? highest : base + (Math.abs(base) || 1) * 0.1;
  const step = roundStep((top - base) / Math.max(most, 1));
  const low = Math.floor(base / step) * step;
  const high = Math.ceil(top / step) * step;
  const count = Math.round((high - low) / step);
  // By multiplication: sums of 0.1 end beside their mark.
  const ticks = Array.from({ length: count + 1 }, (_, index) => Number((low + index * step).toPrecision(12)));
  return { low, high, ticks };
}

/** The smallest of 1, 2, 5, 10, 20 ... that is not below `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((one) => one * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}
