/** Buttons that show a stretch of a certain length, and one for all there is. */

import type { View } from "../chart/view.js";
import { button, element } from "../elements.js";

const HOUR = 3_600_000;
const SPANS = [
  ["1 h", "Show one hour", HOUR],
  ["6 h", "Show six hours", 6 * HOUR],
  ["1 d", "Show one day", 24 * HOUR],
  ["7 d", "Show seven days", 7 * 24 * HOUR],
] as const;

export class SpanChoice {
  readonly element: HTMLElement;
  readonly #choices;
  readonly #all: HTMLButtonElement;

  constructor(private readonly view: View) {
    this.#choices = SPANS.map(([text, label, span]) => ({ span, element: button(label, () => view.showSpan(span), {}, text) }));
    this.#all = button("Show all there is", () => view.fit(), {}, "All");
    this.element = element(
      "div",
      { class: "choices", role: "group", "aria-label": "How much time is shown" },
      ...this.#choices.map((choice) => choice.element),
      this.#all,
    );
  }

  /** Show which of them is what is shown. */
  update(): void {
    for (const choice of this.#choices) {
      choice.element.setAttribute("aria-pressed", String(!this.view.isFitted && choice.span === this.view.span));
    }
    this.#all.setAttribute("aria-pressed", String(this.view.isFitted));
  }
}
