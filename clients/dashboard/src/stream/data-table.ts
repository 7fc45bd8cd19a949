/** The values of the charts as a table: for who can't see them, and for who wants the numbers. */

import type { ChatWindow } from "../data/windows.js";
import { button, element, fill } from "../elements.js";
import * as format from "../format.js";
import type { Zone } from "../zone.js";

/** More rows than this nobody reads, and pages with thousands become slow. */
const MOST_ROWS = 200;
const HEADINGS = ["Window", "Messages", "Chat rate", "Chatters", "Viewers", "Sentiment", "z-score", "Top emotes"];

export class DataTable {
  readonly #note = element("p", { id: "windows-note", class: "quiet" });
  readonly #body = element("tbody");
  readonly #table = element(
    "table",
    { "aria-label": "Windows in view", "aria-describedby": "windows-note" },
    element("thead", {}, element("tr", {}, ...HEADINGS.map((heading) => element("th", { scope: "col" }, heading)))),
    this.#body,
  );
  readonly element = element(
    "div",
    { id: "windows-table", class: "table-place", hidden: true },
    this.#note,
    element("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Table of the windows in view" }, this.#table),
  );
  readonly toggle: HTMLButtonElement;

  constructor(opened: () => void) {
    this.toggle = button(
      "Table",
      () => {
        this.element.hidden = !this.element.hidden;
        this.toggle.setAttribute("aria-expanded", String(!this.element.hidden));
        opened();
      },
      { "aria-expanded": "false", "aria-controls": "windows-table" },
    );
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  /** Show these windows, which are in the order of time: the newest first, and not more than can be read. */
  show(windows: readonly ChatWindow[], zone: Zone): void {
    if (!this.isOpen) {
      return;
    }
    const shown = windows.slice(-MOST_ROWS).toReversed();
    this.#note.textContent =
      shown.length < windows.length
        ? `The newest ${shown.length} of ${format.count(windows.length)} windows in view. Show less time to see the others.`
        : `All ${windows.length} windows in view, the newest first.`;
    fill(this.#body, ...shown.map((window) => rowOf(window, zone)));
  }
}

function rowOf(window: ChatWindow, zone: Zone): HTMLTableRowElement {
  const cells = [
    format.count(window.messages),
    format.rate(window.rate),
    format.count(window.chatters),
    format.count(window.viewers),
    format.sentiment(window.sentiment),
    format.sentiment(window.score),
    window.emotes.join(" "),
  ];
  const start = new Date(window.at).toISOString();
  return element(
    "tr",
    { "data-start": start, class: window.isAnomaly ? "is-unusual" : null },
    element("th", { scope: "row" }, element("time", { datetime: start }, `${zone.day(window.at)}, ${zone.timeWithSeconds(window.at)}`)),
    ...cells.map((cell) => element("td", {}, cell)),
  );
}
