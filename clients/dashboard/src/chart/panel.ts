/** One metric's chart: its heading, its canvas, and where the reader points. Draws what it is given, and asks for nothing. */

import { element, setText } from "../elements.js";
import { drawGround, drawMoments, drawValueAxis, writeOver } from "./backdrop.js";
import { type Columns, extent, indexAt } from "./columns.js";
import type { DrawnMetric } from "./metrics.js";
import { RIGHT, type Scene } from "./scene.js";
import { Polyline, type Projection, trace } from "./trace.js";
import { type ValueAxis, valueAxis } from "./value-axis.js";

const TOP = 14;
const BOTTOM = 6;
const PIXELS_A_TICK = 34;
const FONT = "11px system-ui, sans-serif";
/** What is said of a stretch of time is said in one chart, not in each. */
const LABELLED = "rate";

export class Panel {
  readonly canvas: HTMLCanvasElement;
  readonly #cross = element("div", { class: "cross", hidden: true });
  readonly #dot = element("div", { class: "dot", hidden: true });
  readonly #value = element("span", { class: "panel-value" });
  readonly plot: HTMLElement;
  readonly element: HTMLElement;
  readonly #line = new Polyline();
  #axis: ValueAxis = { low: 0, high: 1, ticks: [] };
  #height = 0;

  constructor(readonly drawn: DrawnMetric) {
    this.canvas = element("canvas", { role: "img", "aria-label": drawn.title });
    this.plot = element("div", { class: "plot" }, this.canvas, this.#cross, this.#dot);
    this.element = element(
      "div",
      { class: `panel panel-${drawn.metric}` },
      element(
        "div",
        { class: "panel-head" },
        element("span", { class: "swatch", "aria-hidden": "true" }),
        element("h3", {}, drawn.title),
        element("span", { class: "unit" }, drawn.unit),
        this.#value,
      ),
      this.plot,
    );
  }

  draw(scene: Scene): void {
    const { columns, range, palette, width, left } = scene;
    const values = columns.values[this.drawn.metric];
    const first = indexAt(columns, range.from);
    const last = indexAt(columns, range.to);
    const [lowest, highest] = extent(values, first, last);
    const isEmpty = lowest > highest;
    this.element.classList.toggle("is-empty", isEmpty);
    const context = this.#prepared(width);
    const height = this.#height - TOP - BOTTOM;
    this.#axis = valueAxis(this.drawn.axis, lowest, highest, height / PIXELS_A_TICK);
    const projection: Projection = {
      from: range.from,
      pixelsPerMillisecond: (width - left - RIGHT) / (range.to - range.from),
      left,
      top: TOP,
      high: this.#axis.high,
      pixelsPerUnit: height / (this.#axis.high - this.#axis.low),
      density: devicePixelRatio,
    };
    const place = { top: TOP, bottom: this.#height - BOTTOM };
    context.font = FONT;
    if (!isEmpty || scene.gaps.length > 0) {
      drawGround(context, scene, projection, place, this.drawn.metric === LABELLED);
    }
    if (!isEmpty) {
      drawValueAxis(context, scene, projection, this.#axis.ticks);
      context.save();
      context.beginPath();
      context.rect(left, 0, width - left - RIGHT, this.#height);
      context.clip();
      // One window beyond each side: lines lead out of the picture.
      this.#drawSeries(context, scene, projection, Math.max(0, first - 1), Math.min(values.length, last + 1));
      context.restore();
    }
    drawMoments(context, scene, projection, place, this.drawn.metric);
    if (isEmpty) {
      context.font = FONT;
      writeOver(context, this.drawn.nothing, (left + width) / 2, this.#height / 2, palette.surface, palette.muted);
    }
  }

  /** Show the value of a window, and where it is; -1: of none. */
  point(scene: Scene, index: number): void {
    const value = scene.columns.values[this.drawn.metric][index];
    const at = scene.columns.at[index];
    setText(this.#value, this.drawn.format(value));
    this.#cross.hidden = at === undefined;
    this.#dot.hidden = at === undefined || value === undefined || Number.isNaN(value);
    if (at === undefined) {
      return;
    }
    const { range, width, left } = scene;
    const x = left + ((at - range.from) / (range.to - range.from)) * (width - left - RIGHT);
    this.#cross.style.transform = `translateX(${Math.round(x)}px)`;
    if (value !== undefined) {
      const share = (this.#axis.high - value) / (this.#axis.high - this.#axis.low);
      this.#dot.style.transform = `translate(${x}px, ${TOP + share * (this.#height - TOP - BOTTOM)}px)`;
    }
  }

  /** Show a value without pointing anywhere: the newest one. */
  rest(value: number | null | undefined): void {
    setText(this.#value, this.drawn.format(value));
    this.#cross.hidden = true;
    this.#dot.hidden = true;
  }

  /** In words, for who can't see it. */
  summary(columns: Columns, first: number, last: number): string {
    const [lowest, highest] = extent(columns.values[this.drawn.metric], first, last);
    const { title, unit, format } = this.drawn;
    return lowest > highest
      ? `${title}: ${this.drawn.nothing.toLowerCase()}`
      : `${title} (${unit}): from ${format(lowest)} to ${format(highest)}`;
  }

  #prepared(width: number): CanvasRenderingContext2D {
    this.#height = this.plot.clientHeight;
    const ratio = devicePixelRatio;
    const [pixelWidth, pixelHeight] = [Math.round(width * ratio), Math.round(this.#height * ratio)];
    // To set a canvas' size, even to the same, is to clear it anew, at some cost.
    if (this.canvas.width !== pixelWidth || this.canvas.height !== pixelHeight) {
      this.canvas.width = pixelWidth;
      this.canvas.height = pixelHeight;
    }
    const context = this.canvas.getContext("2d");
    if (!context) {
      throw new Error("This browser can't draw on a canvas.");
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, this.#height);
    return context;
  }

  #drawSeries(
    context: CanvasRenderingContext2D,
    scene: Scene,
    projection: Projection,
    first: number,
    last: number,
  ): void {
    const { metric, colour, isArea } = this.drawn;
    context.strokeStyle = scene.palette[colour];
    context.fillStyle = scene.palette[colour];
    // Where several windows share a column of pixels the line turns at each: a fine one shows more, and round joins that
    // nobody sees took three quarters of a frame.
    const isDense = last - first > scene.width;
    context.lineWidth = isDense ? 1 : 1.5;
    context.lineJoin = isDense ? "bevel" : "round";
    const base = Math.min(Math.max(0, this.#axis.low), this.#axis.high);
    const baseY = projection.top + (projection.high - base) * projection.pixelsPerUnit;
    trace(scene.columns, scene.columns.values[metric], first, last, projection, this.#line, (line) => {
      if (line.length === 1) {
        // A window between two holes is no line.
        context.beginPath();
        context.arc(line.x(0), line.y(0), 2, 0, 2 * Math.PI);
        context.fill();
        return;
      }
      context.beginPath();
      for (let index = 0; index < line.length; index += 1) {
        context.lineTo(line.x(index), line.y(index));
      }
      context.stroke();
      if (isArea) {
        context.lineTo(line.x(line.length - 1), baseY);
        context.lineTo(line.x(0), baseY);
        context.globalAlpha = 0.14;
        context.fill();
        context.globalAlpha = 1;
      }
    });
  }
}
