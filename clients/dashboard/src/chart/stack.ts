/**
 * Charts above each other that share one range of time, what points at them, and the keys that move them.
 *
 * Draws at most once a frame, and only when something has changed.
 */

import type { StreamMoment } from "../data/moments.js";
import { element } from "../elements.js";
import { framed, settled } from "../timing.js";
import { Zone } from "../zone.js";
import { type Columns, indexAt, indexNear } from "./columns.js";
import { describe, expose } from "./description.js";
import { listenForGestures } from "./gestures.js";
import { chartKeys } from "./keys.js";
import { DRAWN } from "./metrics.js";
import { type Palette, paletteOf } from "./palette.js";
import { Panel } from "./panel.js";
import { RIGHT, type Scene } from "./scene.js";
import { timeTicks } from "./time-axis.js";
import { TimeStrip } from "./time-strip.js";
import type { View } from "./view.js";

/** What the charts show, as it is now. */
export interface Shown {
  readonly columns: Columns;
  readonly gaps: readonly (readonly [number, number])[];
  readonly begins: number | null;
  readonly moments: readonly StreamMoment[];
  readonly selected: string | null;
  readonly zone: Zone;
}

export interface StackEvents {
  /** A moment was pressed in a chart. */
  chosen(key: string): void;
  /** Say something to who can't see it. */
  say(text: string): void;
}

const PRESS_PIXELS = 12;
const WIDE_PIXELS = 560;
const PIXELS_A_LABEL = 84;
/** Words follow what is drawn once it rests, and meanwhile so often that they are never long of another place. */
const SUMMARY_MILLISECONDS = 1000;
const LONGEST_MILLISECONDS = 3000;
const utc = new Zone("utc");

export class ChartStack {
  readonly #panels = DRAWN.map((drawn) => new Panel(drawn));
  readonly #strip: TimeStrip;
  readonly element: HTMLElement;
  readonly #plots: HTMLElement;
  #palette: Palette | null = null;
  #scene: Scene | null = null;
  #width = 0;
  /** The instant that is pointed at: what is there may change while the pointer rests. */
  #pointed: number | null = null;
  readonly redraw: () => void;
  readonly #describe: () => void;

  constructor(
    private readonly view: View,
    private readonly show: () => Shown,
    private readonly events: StackEvents,
    signal: AbortSignal,
  ) {
    this.#strip = new TimeStrip(signal);
    const panels = this.#panels.map((panel) => panel.element);
    this.#plots = element("div", { class: "plots" }, ...panels, this.#strip.element, this.#strip.home);
    this.element = element(
      "div",
      {
        class: "charts",
        tabindex: 0,
        role: "application",
        "aria-roledescription": "charts",
        "aria-label": "Charts of the stream",
        "aria-describedby": "charts-keys",
      },
      this.#plots,
      element(
        "p",
        { id: "charts-keys", class: "for-ears" },
        "Arrow keys move in time, plus and minus show less or more of it, End goes to the newest window. ",
        "Shift with an arrow key reads one window after the other. There is a table of the same values below.",
      ),
    );
    this.redraw = framed(() => this.#draw(), signal);
    const words = (): void => {
      if (this.#scene) {
        describe(this.#panels, this.#scene, this.show().zone);
      }
    };
    this.#describe = settled(words, SUMMARY_MILLISECONDS, signal, LONGEST_MILLISECONDS);
    this.#listen(signal);
  }

  /** Read the colours anew: the theme is another. */
  recolour(): void {
    this.#palette = null;
    this.redraw();
  }

  #listen(signal: AbortSignal): void {
    const sizes = new ResizeObserver(() => {
      this.#width = this.#plots.clientWidth;
      this.redraw();
    });
    sizes.observe(this.#plots);
    this.#watchDensity(signal);
    signal.addEventListener("abort", () => sizes.disconnect());
    listenForGestures(
      this.#plots,
      {
        dragged: (pixels) => this.view.pan(-pixels * this.#millisecondsPerPixel),
        zoomed: (factor, x) => this.view.zoom(factor, this.#timeAt(x)),
        pointed: (x) => this.#point(x === null ? null : this.#timeAt(x)),
        pressed: (x) => this.#press(x),
      },
      signal,
    );
    const keys = chartKeys(this.view, {
      read: (direction) => this.#read(direction),
      begin: () => this.#begin(),
      rest: () => this.#point(null),
    });
    this.element.addEventListener("keydown", keys, { signal });
    this.element.addEventListener("blur", () => this.#point(null), { signal });
  }

  /** A window that is moved to another screen keeps its size, and is drawn for the other's pixels. */
  #watchDensity(signal: AbortSignal): void {
    const changed = (): void => {
      this.redraw();
      this.#watchDensity(signal);
    };
    if (!signal.aborted) {
      const density = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
      density.addEventListener("change", changed, { once: true, signal });
    }
  }

  #draw(): void {
    if (this.#width === 0) {
      return;
    }
    this.#palette ??= paletteOf(this.element);
    const { columns, gaps, begins, moments, selected, zone } = this.show();
    const { range } = this.view;
    const left = this.#width < WIDE_PIXELS ? 40 : 52;
    const labels = (this.#width - left) / PIXELS_A_LABEL;
    const ticks = timeTicks(range.from, range.to, labels, zone);
    const [palette, width] = [this.#palette, this.#width];
    const scene = { columns, range, gaps, begins, moments, selected, ticks, palette, width, left };
    this.#scene = scene;
    for (const panel of this.#panels) {
      panel.draw(scene);
    }
    this.#strip.draw(scene);
    this.#showPointed(scene, zone);
    expose(this.element, scene);
    this.#describe();
  }

  #showPointed(scene: Scene, zone: Zone): void {
    const { columns, range } = scene;
    const index = this.#pointed === null ? -1 : indexNear(columns, this.#pointed);
    const window = columns.windows[index];
    if (!window || window.at < range.from || window.at > range.to) {
      const newest = indexAt(columns, range.to) - 1;
      this.#panels.forEach((panel) => panel.rest(columns.values[panel.drawn.metric][newest]));
      this.#strip.point(scene, null, zone, utc);
      return;
    }
    this.#panels.forEach((panel) => panel.point(scene, index));
    this.#strip.point(scene, window, zone, utc);
  }

  #point(at: number | null): void {
    if (this.#pointed !== at) {
      this.#pointed = at;
      this.redraw();
    }
  }

  #press(x: number): void {
    const scene = this.#scene;
    const at = this.#timeAt(x);
    const reach = PRESS_PIXELS * this.#millisecondsPerPixel;
    const near = (scene?.moments ?? []).filter((moment) => Math.abs(moment.at - at) <= reach);
    const [nearest] = near.sort((one, other) => Math.abs(one.at - at) - Math.abs(other.at - at));
    if (nearest) {
      this.events.chosen(nearest.key);
    }
  }

  #begin(): void {
    const oldest = this.#scene?.columns.at[0];
    if (oldest !== undefined) {
      this.view.begin(oldest);
    }
  }

  /** Point at the next window, or the one before, and say what it holds. */
  #read(direction: 1 | -1): void {
    const { columns, zone } = this.show();
    const { from, to } = this.view.range;
    const start = this.#pointed === null ? indexAt(columns, to) : indexNear(columns, this.#pointed);
    const index = Math.min(Math.max(start + direction, 0), columns.windows.length - 1);
    const window = columns.windows[index];
    if (!window) {
      return;
    }
    this.#point(window.at);
    if (window.at < from || window.at > to) {
      this.view.pan(window.at < from ? window.at - from : window.at - to);
    }
    const values = this.#panels.map(
      ({ drawn }) => `${drawn.title} ${drawn.format(columns.values[drawn.metric][index])}`,
    );
    this.events.say(`${zone.time(window.at)}: ${values.join(", ")}`);
  }

  get #millisecondsPerPixel(): number {
    const scene = this.#scene;
    return scene ? this.view.span / (scene.width - scene.left - RIGHT) : 0;
  }

  #timeAt(x: number): number {
    return this.view.range.from + (x - (this.#scene?.left ?? 0)) * this.#millisecondsPerPixel;
  }
}
