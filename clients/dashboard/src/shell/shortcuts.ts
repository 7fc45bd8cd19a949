/** Keys that do something, and the dialog that lists them. Single letters can be turned off: some readers dictate. */

import { button, element } from "../elements.js";
import { lasting, recall, remember } from "../preferences.js";

const LISTED: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    "Anywhere",
    [
      ["?", "this list"],
      ["/", "search the streams"],
      ["g", "all streams"],
      ["t", "system, light or dark colours"],
      ["u", "local time or UTC"],
      ["Esc", "back from a moment"],
    ],
  ],
  [
    "In the charts, once they have the focus",
    [
      ["← →", "move in time"],
      ["Page Up, Page Down", "move by a whole view"],
      ["+ −", "show less or more time"],
      ["Home, End", "the oldest windows that are loaded, the newest"],
      ["Shift ← →", "read one window after the other"],
    ],
  ],
  [
    "With a pointer",
    [
      ["drag, swipe", "move in time"],
      ["Ctrl wheel, pinch, double click", "show less or more time"],
      ["press a mark", "its moment"],
    ],
  ],
];

export class Shortcuts {
  readonly #actions = new Map<string, () => void>();
  readonly #switch = element("input", { type: "checkbox", id: "single-keys" });
  readonly dialog: HTMLDialogElement;

  constructor() {
    this.#switch.checked = recall(lasting, "keys") !== "off";
    this.#switch.addEventListener("change", () => remember(lasting, "keys", this.#switch.checked ? null : "off"));
    this.dialog = element(
      "dialog",
      { class: "dialog", "aria-labelledby": "keys-title" },
      element("h2", { id: "keys-title" }, "Keys and gestures"),
      // Hands that have no keys read first what hands do.
      ...(matchMedia("(pointer: coarse)").matches ? LISTED.toReversed() : LISTED).map(([title, keys]) =>
        element(
          "section",
          {},
          element("h3", {}, title),
          element("dl", {}, ...keys.flatMap(([key, does]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, does)])),
        ),
      ),
      element("label", { class: "check", for: "single-keys" }, this.#switch, "Single keys, such as g and /, are shortcuts"),
      element("div", { class: "dialog-foot" }, button("Close", () => this.dialog.close(), { class: "primary" })),
    );
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) {
        this.dialog.close();
      }
    });
    this.on("?", () => this.show());
    document.addEventListener("keydown", (event) => this.#heard(event));
  }

  on(key: string, act: () => void): void {
    this.#actions.set(key, act);
  }

  show(): void {
    if (!this.dialog.open) {
      this.dialog.showModal();
    }
  }

  #heard(event: KeyboardEvent): void {
    const isTyping = event.target instanceof HTMLElement && event.target.matches("input:not([type=checkbox]), textarea, select");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || this.dialog.open || !this.#switch.checked) {
      return;
    }
    const act = this.#actions.get(event.key);
    if (act) {
      event.preventDefault();
      act();
    }
  }
}
