/**
 * The emotes of what is in view. A window names its most used ones without saying how often each was used; so it is counted
 * in how many windows an emote is among them, and that is what is said.
 */

import type { ChatWindow } from "../data/windows.js";
import { element, fill, foreign } from "../elements.js";
import * as format from "../format.js";

const SHOWN = 8;

export class Emotes {
  readonly #list = element("ol", { class: "emotes" });
  readonly #unit = element("p", { class: "quiet" });
  readonly element = element(
    "section",
    { class: "card side", "aria-labelledby": "emotes-title" },
    element("div", { class: "card-head" }, element("h2", { id: "emotes-title" }, "Top emotes in view")),
    this.#unit,
    this.#list,
  );

  show(windows: readonly ChatWindow[]): void {
    const top = topEmotes(windows);
    const withChat = windows.filter((window) => window.emotes.length > 0).length;
    this.#unit.textContent =
      top.length > 0
        ? `In how many of ${format.count(withChat)} windows with emotes each is among the most used.`
        : "None in the windows in view.";
    const most = top[0]?.[1] ?? 1;
    fill(
      this.#list,
      ...top.map(([emote, windowCount]) => {
        const bar = element("span", { class: "bar", "aria-hidden": "true" });
        bar.style.inlineSize = `${(100 * windowCount) / most}%`;
        return element("li", {}, foreign(emote, { class: "emote" }), element("span", { class: "bar-place" }, bar), element("span", { class: "bar-value" }, format.count(windowCount)));
      }),
    );
  }
}

/** The emotes that most windows name, by number of windows and then by name. */
export function topEmotes(windows: readonly ChatWindow[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const window of windows) {
    for (const emote of window.emotes) {
      counts.set(emote, (counts.get(emote) ?? 0) + 1);
    }
  }
  return [...counts]
    .sort(([name, number], [otherName, otherNumber]) => otherNumber - number || (name < otherName ? -1 : 1))
    .slice(0, SHOWN);
}
