/** In which zone the page shows times: the reader's, unless UTC is chosen. */

import { lasting, recall, remember } from "../preferences.js";
import { Zone } from "../zone.js";

export class ZoneChoice {
  #zone = new Zone(recall(lasting, "zone") === "utc" ? "utc" : "local");
  readonly #heard = new Set<() => void>();

  get zone(): Zone {
    return this.#zone;
  }

  turn(): void {
    this.#zone = new Zone(this.#zone.name === "utc" ? "local" : "utc");
    remember(lasting, "zone", this.#zone.name === "utc" ? "utc" : null);
    for (const changed of this.#heard) {
      changed();
    }
  }

  /** Have `changed` called when times are shown differently. */
  onChange(changed: () => void, signal: AbortSignal): void {
    this.#heard.add(changed);
    signal.addEventListener("abort", () => this.#heard.delete(changed));
  }
}
