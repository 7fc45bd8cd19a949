/** What stands behind and around a chart's line: what is not known, the axes' lines, and the marks of moments. */

import type { Metric } from "../data/windows.js";
import * as format from "../format.js";
import { kindOf } from "./metrics.js";
import { RIGHT, type Scene } from "./scene.js";
import type { Projection } from "./trace.js";

/** Between which heights the line runs, in pixels. */
interface Place {
  readonly top: number;
  readonly bottom: number;
}

/** What is not known, what does not exist, and the lines of the time axis. */
export function drawGround(
  context: CanvasRenderingContext2D,
  scene: Scene,
  projection: Projection,
  place: Place,
  isLabelled: boolean,
): void {
  const { palette, left, width } = scene;
  const right = width - RIGHT;
  const x = (at: number): number =>
    Math.min(Math.max(left + (at - projection.from) * projection.pixelsPerMillisecond, left), right);
  for (const [from, to] of scene.gaps) {
    context.fillStyle = palette.sunken;
    context.fillRect(x(from), place.top, x(to) - x(from), place.bottom - place.top);
    if (isLabelled) {
      write(context, "Loading…", x(from), x(to), place, palette.sunken, palette.muted);
    }
  }
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.beginPath();
  for (const tick of scene.ticks) {
    const at = Math.round(x(tick.at)) + 0.5;
    context.moveTo(at, place.top);
    context.lineTo(at, place.bottom);
  }
  context.stroke();
  if (scene.begins !== null && scene.begins > scene.range.from) {
    drawBeginning(context, x(scene.begins), scene, place, isLabelled);
  }
}

/** Where history begins: there is nothing to wait for on the other side. */
function drawBeginning(
  context: CanvasRenderingContext2D,
  x: number,
  { left, palette }: Scene,
  place: Place,
  isLabelled: boolean,
): void {
  const at = Math.round(x) - 3.5;
  context.strokeStyle = palette.muted;
  context.setLineDash([2, 3]);
  context.beginPath();
  context.moveTo(at, place.top);
  context.lineTo(at, place.bottom);
  context.stroke();
  context.setLineDash([]);
  if (isLabelled) {
    write(context, "No older windows", left, at, place, palette.surface, palette.muted);
  }
}

/** Write into the middle of a stretch, where there is room for it. */
function write(
  context: CanvasRenderingContext2D,
  text: string,
  from: number,
  to: number,
  place: Place,
  ground: string,
  colour: string,
): void {
  if (context.measureText(text).width + 16 < to - from) {
    writeOver(context, text, (from + to) / 2, (place.top + place.bottom) / 2, ground, colour);
  }
}

/** Write around a place, on a ground of its own: lines behind it would strike the text through. */
export function writeOver(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  ground: string,
  colour: string,
): void {
  const half = context.measureText(text).width / 2 + 6;
  context.fillStyle = ground;
  context.fillRect(x - half, y - 9, 2 * half, 18);
  context.fillStyle = colour;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x, y);
}

/** The marks of the value axis, and their lines; that of zero is stronger. */
export function drawValueAxis(
  context: CanvasRenderingContext2D,
  scene: Scene,
  projection: Projection,
  ticks: readonly number[],
): void {
  const { palette, left, width } = scene;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticks) {
    const y = Math.round(projection.top + (projection.high - tick) * projection.pixelsPerUnit) + 0.5;
    context.strokeStyle = tick === 0 ? palette.muted : palette.line;
    context.globalAlpha = tick === 0 ? 0.6 : 1;
    context.beginPath();
    context.moveTo(left, y);
    context.lineTo(width - RIGHT, y);
    context.stroke();
    context.globalAlpha = 1;
    context.fillStyle = palette.muted;
    context.fillText(format.axis(tick), left - 8, y);
  }
}

/** Marks of the moments that belong to a metric, and the one that is selected through all charts. */
export function drawMoments(
  context: CanvasRenderingContext2D,
  scene: Scene,
  projection: Projection,
  place: Place,
  metric: Metric,
): void {
  const { left, width, palette } = scene;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  for (const moment of scene.moments) {
    const x = left + (moment.at - projection.from) * projection.pixelsPerMillisecond;
    const isSelected = moment.key === scene.selected;
    const kind = kindOf(moment.type);
    const isOurs = kind.metric === metric;
    if (x < left || x > width - RIGHT || (!isOurs && !isSelected)) {
      continue;
    }
    context.strokeStyle = palette[kind.colour];
    context.fillStyle = palette[kind.colour];
    context.globalAlpha = isSelected ? 1 : 0.45;
    context.lineWidth = isSelected ? 1.5 : 1;
    context.beginPath();
    context.moveTo(Math.round(x) + 0.5, isOurs ? place.top : 0);
    context.lineTo(Math.round(x) + 0.5, place.bottom);
    context.stroke();
    context.globalAlpha = 1;
    if (isOurs) {
      context.fillText(kind.sign, x, place.top - 2);
    }
  }
}
