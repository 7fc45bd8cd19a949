/** What charts hold, for who does not see them: in words for people, as attributes for programs. */

import { setAttributes } from "../elements.js";
import type { Zone } from "../zone.js";
import { holesIn, indexAt } from "./columns.js";
import type { Panel } from "./panel.js";
import type { Scene } from "./scene.js";

/** Say of each canvas what is in it. Seldom: a reader of the screen may be told each time. */
export function describe(panels: readonly Panel[], { columns, range }: Scene, zone: Zone): void {
  const [first, last] = [indexAt(columns, range.from), indexAt(columns, range.to)];
  const when = `${zone.dayAndTime(range.from)} to ${zone.dayAndTime(range.to)}`;
  for (const panel of panels) {
    panel.canvas.setAttribute("aria-label", `${panel.summary(columns, first, last)}. ${when}.`);
  }
}

/** Write onto an element what is drawn: for whoever looks at the page by program, such as a test or an extension. */
export function expose(place: HTMLElement, { columns, range, gaps, begins }: Scene): void {
  const [first, last] = [indexAt(columns, range.from), indexAt(columns, range.to)];
  setAttributes(place, {
    "data-from": new Date(range.from).toISOString(),
    "data-to": new Date(range.to).toISOString(),
    "data-windows": columns.windows.length,
    "data-drawn": last - first,
    "data-holes": holesIn(columns, first, last),
    "data-history": gaps.length > 0 ? "missing" : begins === null ? "more" : "whole",
  });
}
