/** The head of a stream's page: its names, and how it is connected. And what is said in place of its charts. */

import { element, fill, foreign } from "../elements.js";
import { ConnectionBadge } from "./connection-badge.js";

export const UNKNOWN = "Nothing is stored under this id. What is written is here within ten seconds.";

export class StreamHead {
  readonly badge: ConnectionBadge;
  readonly element: HTMLElement;
  readonly #heading = element("h1", { tabindex: -1 });

  constructor(streamId: string, say: (text: string) => void, isOfNow: () => boolean, signal: AbortSignal) {
    this.badge = new ConnectionBadge(say, isOfNow, signal);
    this.element = element(
      "div",
      { class: "page-head stream-head" },
      element("p", { class: "crumb" }, element("a", { href: "#/" }, "← All streams")),
      this.#heading,
      element("p", { class: "stream-id" }, foreign(streamId)),
      this.badge.element,
    );
  }

  /** Show a name; return whether it is another one than before. */
  name(title: string): boolean {
    const isOther = this.#heading.textContent !== title;
    if (isOther) {
      fill(this.#heading, foreign(title));
    }
    return isOther;
  }

  /** Whether there is a connection to tell of at all. */
  isConnecting(isIt: boolean): void {
    this.badge.element.hidden = !isIt;
  }
}

export function nothingYet(): HTMLElement {
  return element(
    "div",
    { class: "notice" },
    element("h2", {}, "No windows yet"),
    element("p", {}, "The stream is known, but nothing has been measured. Windows appear here as they are written."),
  );
}
