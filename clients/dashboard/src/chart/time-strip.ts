/** The time axis below charts that share it: a canvas of its own, and the time where the reader points. */

import { element, fill } from "../elements.js";
import type { Zone } from "../zone.js";
import { RIGHT, type Scene } from "./scene.js";

const HEIGHT = 22;
const FONT = "11px system-ui, sans-serif";
const BOLD = "600 11px system-ui, sans-serif";

export class TimeStrip {
  readonly #canvas = element("canvas", { "aria-hidden": "true" });
  readonly #chip = element("div", { class: "time-chip", hidden: true });
  readonly element = element("div", { class: "time-strip" }, this.#canvas, this.#chip);
  /** Stands where the strip is at home, and so tells when it is not. */
  readonly home = element("div", { "aria-hidden": "true" });

  constructor(signal: AbortSignal) {
    // All that is below the window, and nothing of it.
    const below = { rootMargin: "-100% 0px 100000px 0px" };
    const seen = new IntersectionObserver((entries) => this.element.classList.toggle("is-before", entries.at(-1)?.isIntersecting), below);
    seen.observe(this.home);
    signal.addEventListener("abort", () => seen.disconnect());
  }

  draw(scene: Scene): void {
    const { width, left, range, palette } = scene;
    const ratio = devicePixelRatio;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(HEIGHT * ratio);
    const context = this.#canvas.getContext("2d");
    if (!context) {
      return;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.textAlign = "center";
    context.textBaseline = "middle";
    let free = 0;
    for (const tick of scene.ticks) {
      context.font = tick.isMajor ? BOLD : FONT;
      context.fillStyle = tick.isMajor ? palette.ink : palette.muted;
      const half = context.measureText(tick.label).width / 2;
      const at = left + ((tick.at - range.from) / (range.to - range.from)) * (width - left - RIGHT);
      const x = Math.min(Math.max(at, half), width - half);
      if (x - half >= free) {
        context.fillText(tick.label, x, HEIGHT / 2);
        free = x + half + 8;
      }
    }
  }

  /** Show when the window is that is pointed at; null: none is. */
  point(scene: Scene, window: { readonly at: number; readonly until: number } | null, zone: Zone, utc: Zone): void {
    this.#chip.hidden = window === null;
    if (!window) {
      return;
    }
    const { range, width, left } = scene;
    const needsSeconds = window.at % 60_000 !== 0 || window.until % 60_000 !== 0;
    const time = (at: number, shown: Zone): string => (needsSeconds ? shown.timeWithSeconds(at) : shown.time(at));
    const inUtc = zone.name === "utc" ? "" : ` · ${time(window.at, utc)} UTC`;
    fill(this.#chip, `${zone.day(window.at)} `, element("b", {}, `${time(window.at, zone)}–${time(window.until, zone)}`), inUtc);
    const x = left + ((window.at - range.from) / (range.to - range.from)) * (width - left - RIGHT);
    const half = this.#chip.offsetWidth / 2;
    this.#chip.style.transform = `translateX(${Math.min(Math.max(x - half, 0), width - 2 * half)}px)`;
  }
}
