/** Says things to who listens to the page: politely, and the last of several that come at once. */

import { element } from "../elements.js";

const PAUSE_MILLISECONDS = 150;

export class Announcer {
  readonly element = element("div", { class: "for-ears", role: "status", "aria-live": "polite" });
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(text: string): void {
    clearTimeout(this.#timer);
    // The same text twice is no change, and would not be read out: emptied first, it is.
    this.element.textContent = "";
    this.#timer = setTimeout(() => {
      this.element.textContent = text;
    }, PAUSE_MILLISECONDS);
  }
}
