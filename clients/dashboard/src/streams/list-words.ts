/** What the list of streams says around its rows: what its columns are, and why there is nothing in it. */

import { element } from "../elements.js";
import { hashOf, whyUnnameable } from "../routes.js";

/** For eyes alone: each row says to ears what its figures are. */
export function rowHeadings(): HTMLElement {
  const names = ["Stream", "Chat rate", "Chat/s", "Viewers", "Chatters", "Sentiment", "Active"];
  return element("div", { class: "row-headings", "aria-hidden": "true" }, ...names.map((name) => element("span", {}, name)));
}

export function howToBegin(): HTMLElement {
  return element(
    "div",
    { class: "notice" },
    element("h2", {}, "No streams yet"),
    element("p", {}, "Streams appear here as soon as something writes them. Load a chat log:"),
    element("pre", {}, "telemetra replay chat.jsonl --stream mychannel --title \"My channel\""),
    element("p", {}, "or start the service with a simulated stream:"),
    element("pre", {}, "telemetra serve --demo"),
  );
}

export function nothingFound(text: string): HTMLElement {
  const isId = whyUnnameable(text) === null;
  return element(
    "div",
    { class: "notice" },
    element("h2", {}, "No stream has this in its title or id"),
    isId && element("p", {}, element("a", { href: hashOf({ page: "stream", streamId: text }) }, "Open the stream with exactly this id")),
  );
}
