/** A stream's moments, the newest first, each with what makes it one. Choosing one tells; it moves nothing by itself. */

import { kindOf } from "../chart/metrics.js";
import type { StreamMoment } from "../data/moments.js";
import { button, element, fill, foreign, setAttributes } from "../elements.js";
import * as format from "../format.js";
import type { Zone } from "../zone.js";

/** More are marks in the charts, but no list that anybody reads. */
const MOST_LISTED = 1000;

const EXPLAINED: Readonly<Record<string, string>> = {
  method: "Compared by",
  baseline_windows: "Baseline, windows",
  baseline_centre: "Usual value",
  baseline_spread: "Usual spread",
};

export interface MomentsEvents {
  chosen(key: string): void;
  older(): void;
}

export class MomentsList {
  readonly #list = element("ol", { class: "moments", "aria-label": "Moments, the newest first" });
  readonly #older: HTMLButtonElement;
  readonly #none = element("p", { class: "quiet" }, "None so far. A moment is a window that is unlike those before it.");
  readonly #count = element("span", { class: "unit" });
  readonly element: HTMLElement;
  #items = new Map<string, HTMLElement>();

  constructor(private readonly events: MomentsEvents) {
    this.#older = button("Show older moments", () => events.older(), { class: "plain" });
    this.element = element(
      "section",
      { class: "card side", "aria-labelledby": "moments-title" },
      element("div", { class: "card-head" }, element("h2", { id: "moments-title" }, "Moments"), this.#count),
      this.#none,
      this.#list,
      this.#older,
    );
  }

  /** Show these, which are in the order of time. */
  show(moments: readonly StreamMoment[], selected: string | null, hasOlder: boolean, zone: Zone): void {
    const focused = document.activeElement?.closest("[data-moment]")?.getAttribute("data-moment");
    const shown = moments.slice(-MOST_LISTED).toReversed();
    this.#items = new Map(shown.map((moment) => [moment.key, this.#item(moment, moment.key === selected, zone)]));
    fill(this.#list, ...this.#items.values());
    this.#none.hidden = shown.length > 0;
    this.#older.hidden = !hasOlder;
    this.#count.textContent = shown.length > 0 ? `${shown.length}${hasOlder ? "+" : ""}` : "";
    if (focused) {
      this.#items.get(focused)?.querySelector("button")?.focus({ preventScroll: true });
    }
  }

  /** Bring a moment into the part of the list that is seen. */
  reveal(key: string): void {
    const item = this.#items.get(key);
    if (item) {
      // The list alone is scrolled; `scrollIntoView` would move the page away from the charts.
      const list = this.#list;
      const place = item.offsetTop - list.offsetTop;
      if (place < list.scrollTop || place + item.offsetHeight > list.scrollTop + list.clientHeight) {
        list.scrollTop = place - 8;
      }
    }
  }

  #item(moment: StreamMoment, isSelected: boolean, zone: Zone): HTMLElement {
    const kind = kindOf(moment.type);
    const head = button(
      "",
      () => this.events.chosen(moment.key),
      { class: "moment-head", "aria-expanded": String(isSelected) },
      element("span", { class: `sign sign-${kind.metric}`, "aria-hidden": "true" }, kind.sign),
      element("span", { class: "moment-type" }, foreign(kind.title)),
      element("time", { class: "moment-time", datetime: new Date(moment.at).toISOString() }, when(moment.at, zone)),
      element("span", { class: "moment-text" }, foreign(moment.description ?? "No description.")),
    );
    head.removeAttribute("aria-label");
    const item = element("li", { "data-moment": moment.key }, head, isSelected && explanation(moment));
    setAttributes(item, { class: isSelected ? "moment is-selected" : "moment" });
    return item;
  }
}

/** Of windows shorter than a minute several moments share one: seconds tell them apart. */
function when(at: number, zone: Zone): string {
  return at % 60_000 === 0 ? zone.dayAndTime(at) : `${zone.dayWithYear(at)}, ${zone.timeWithSeconds(at)}`;
}

/** What the moment was measured by: its own numbers, and what it was compared with. */
function explanation(moment: StreamMoment): HTMLElement {
  const known = Object.entries(EXPLAINED).filter(([name]) => name in moment.metadata);
  const others = Object.entries(moment.metadata).filter(([name]) => !(name in EXPLAINED));
  const rows: [string, string][] = [
    ["Metric", moment.metricName ?? "–"],
    ["Value", format.rate(moment.metricValue)],
    ["Threshold", format.rate(moment.threshold)],
    ["z-score", format.sentiment(moment.score)],
    ...known.map(([name, label]): [string, string] => [label, shown(moment.metadata[name])]),
    ...others.map(([name, value]): [string, string] => [name, shown(value)]),
  ];
  return element(
    "dl",
    { class: "explanation" },
    ...rows.flatMap(([label, value]) => [element("dt", {}, foreign(label)), element("dd", {}, foreign(value))]),
  );
}

function shown(value: unknown): string {
  if (typeof value === "number") {
    return Number.isInteger(value) ? format.count(value) : format.rate(value);
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}
