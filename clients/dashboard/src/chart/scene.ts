/** What charts of one range of time have in common while a frame is drawn. */

import type { StreamMoment } from "../data/moments.js";
import type { Columns } from "./columns.js";
import type { Palette } from "./palette.js";
import type { Tick } from "./time-axis.js";
import type { Range } from "./view.js";

export interface Scene {
  readonly columns: Columns;
  readonly range: Range;
  /** Stretches of which nothing is known yet. */
  readonly gaps: readonly (readonly [number, number])[];
  /** Start of the oldest window, once known. */
  readonly begins: number | null;
  readonly moments: readonly StreamMoment[];
  readonly selected: string | null;
  readonly ticks: readonly Tick[];
  readonly palette: Palette;
  readonly width: number;
  readonly left: number;
}

/** Room at the right of every chart, in pixels; the room at the left is the scene's. */
export const RIGHT = 10;
