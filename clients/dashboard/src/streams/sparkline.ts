/** A small line of a stream's newest windows: as a picture beside figures that say the same in numbers. */

import type { ChatWindow } from "../data/windows.js";
import { columnsOf } from "../chart/columns.js";
import { Polyline, trace } from "../chart/trace.js";
import { extent } from "../chart/columns.js";

const WIDTH = 160;
const HEIGHT = 32;
const SPACE = "http://www.w3.org/2000/svg";

/** Return the picture of the chat rate; it is as wide as its place. */
export function sparkline(windows: readonly ChatWindow[]): SVGSVGElement {
  const picture = document.createElementNS(SPACE, "svg");
  picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("aria-hidden", "true");
  picture.setAttribute("class", "sparkline");
  const columns = columnsOf(windows, null);
  const count = columns.windows.length;
  const [, highest] = extent(columns.values.rate, 0, count);
  if (!(highest >= 0)) {
    return picture;
  }
  const from = columns.at[0] as number;
  const span = Math.max((columns.at[count - 1] as number) - from, columns.step);
  const projection = {
    from,
    pixelsPerMillisecond: (WIDTH - 4) / span,
    left: 2,
    top: 2,
    high: highest || 1,
    pixelsPerUnit: (HEIGHT - 4) / (highest || 1),
    density: 1,
  };
  let [line, area] = ["", ""];
  trace(columns, columns.values.rate, 0, count, projection, new Polyline(), (points) => {
    const places = Array.from({ length: points.length }, (_, index) => `${points.x(index).toFixed(1)} ${points.y(index).toFixed(1)}`);
    line += `M${places.join("L")}`;
    if (points.length === 1) {
      line += "h.1";
    } else {
      area += `M${points.x(0).toFixed(1)} ${HEIGHT - 2}L${places.join("L")}V${HEIGHT - 2}Z`;
    }
  });
  picture.append(path(area, "sparkline-area"), path(line, "sparkline-line"));
  return picture;
}

function path(d: string, name: string): SVGPathElement {
  const made = document.createElementNS(SPACE, "path");
  made.setAttribute("d", d);
  made.setAttribute("class", name);
  return made;
}
