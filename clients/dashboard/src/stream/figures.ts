/** A stream's figures of now: those of its newest window. */

import type { ChatWindow } from "../data/windows.js";
import { element, setText } from "../elements.js";
import * as format from "../format.js";
import type { Zone } from "../zone.js";

interface Tile {
  readonly name: string;
  readonly label: string;
  readonly unit: string;
  value(window: ChatWindow): string;
}

const TILES: readonly Tile[] = [
  { name: "rate", label: "Chat rate", unit: "messages/s", value: (window) => format.rate(window.rate) },
  { name: "messages", label: "Messages", unit: "in the window", value: (window) => format.count(window.messages) },
  { name: "chatters", label: "Unique chatters", unit: "in the window", value: (window) => format.count(window.chatters) },
  { name: "viewers", label: "Viewers", unit: "mean", value: (window) => format.count(window.viewers) },
  { name: "sentiment", label: "Sentiment", unit: "−1 to 1", value: (window) => format.sentiment(window.sentiment) },
];

export class Figures {
  readonly #values = TILES.map((tile) => ({
    tile,
    element: element("dd", { "data-figure": tile.name }, "–"),
  }));
  readonly #unusual = element("span", { class: "unusual", hidden: true });
  readonly #when = element("p", { class: "quiet when" });
  readonly element = element(
    "section",
    { "aria-label": "Newest window" },
    element(
      "dl",
      { class: "figures" },
      ...this.#values.map(({ tile, element: value }) =>
        element("div", { class: `figure figure-${tile.name}` }, element("dt", {}, tile.label), value, element("dd", { class: "unit" }, tile.unit)),
      ),
    ),
    this.#when,
  );
  #window: ChatWindow | null = null;

  show(window: ChatWindow | null, zone: Zone): void {
    this.#window = window;
    for (const { tile, element: value } of this.#values) {
      setText(value, window ? tile.value(window) : "–");
    }
    this.#unusual.hidden = !window?.isAnomaly;
    setText(this.#unusual, `unusual: z ${format.sentiment(window?.score)}`);
    this.age(zone);
  }

  /** Say anew how old the figures are. */
  age(zone: Zone): void {
    const window = this.#window;
    if (!window) {
      setText(this.#when, "");
      return;
    }
    const needsSeconds = window.at % 60_000 !== 0 || window.until % 60_000 !== 0;
    const [start, end] = [window.at, window.until].map((at) => (needsSeconds ? zone.timeWithSeconds(at) : zone.time(at)));
    const text = `Newest window: ${zone.dayWithYear(window.at)}, ${start}–${end}, ${format.ending(window.at, window.until, Date.now())}`;
    if (this.#when.firstChild?.textContent !== text) {
      this.#when.replaceChildren(text, this.#unusual);
    }
    this.#when.dataset["start"] = new Date(window.at).toISOString();
  }
}
