/** Light or dark: as the system is, unless the reader chose. */

import { lasting, recall, remember } from "../preferences.js";

export type Theme = "system" | "light" | "dark";

const ORDER: readonly Theme[] = ["system", "light", "dark"];
const dark = matchMedia("(prefers-color-scheme: dark)");

export class ThemeChoice {
  #theme: Theme;
  readonly #heard = new Set<() => void>();

  constructor() {
    const kept = recall(lasting, "theme");
    this.#theme = ORDER.find((one) => one === kept) ?? "system";
    this.#apply();
    dark.addEventListener("change", () => this.#tell());
  }

  get theme(): Theme {
    return this.#theme;
  }

  /** Take the next of system, light and dark. */
  turn(): void {
    this.#theme = ORDER[(ORDER.indexOf(this.#theme) + 1) % ORDER.length] as Theme;
    remember(lasting, "theme", this.#theme === "system" ? null : this.#theme);
    this.#apply();
    this.#tell();
  }

  /** Have `changed` called when colours are others. */
  onChange(changed: () => void, signal: AbortSignal): void {
    this.#heard.add(changed);
    signal.addEventListener("abort", () => this.#heard.delete(changed));
  }

  #apply(): void {
    if (this.#theme === "system") {
      delete document.documentElement.dataset["theme"];
    } else {
      document.documentElement.dataset["theme"] = this.#theme;
    }
  }

  #tell(): void {
    for (const changed of this.#heard) {
      changed();
    }
  }
}
