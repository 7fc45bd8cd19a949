/** What stands in the way of a page: told in its place, and tried again by itself where that can help. */

import { isPassing, Retry } from "../data/retry.js";
import { button, element, fill } from "../elements.js";
import { type Fault, faultOf } from "../faults.js";

/** A stream that nobody knows may be written at any time. */
const UNKNOWN_RETRY_MILLISECONDS = 10_000;

export class Trouble {
  readonly element = element("div", { class: "notice-place" });
  readonly #retry = new Retry();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #told: string | null = null;
  #again: (() => void) | null = null;

  constructor(
    private readonly askForToken: () => void,
    private readonly signal: AbortSignal,
  ) {
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** Tell a failure, in other words where `inWords` has some; `again` is called for another try. */
  failed(error: unknown, again: () => void, inWords: (fault: Fault) => string = (fault) => fault.detail): void {
    if (this.signal.aborted) {
      return;
    }
    const fault = faultOf(error);
    if (fault.kind === "token") {
      this.askForToken();
      return;
    }
    clearTimeout(this.#timer);
    if (isPassing(error)) {
      this.#timer = setTimeout(again, this.#retry.after(error));
    } else if (fault.kind === "unknown") {
      this.#timer = setTimeout(again, UNKNOWN_RETRY_MILLISECONDS);
    }
    this.tell(fault.title, inWords(fault), () => {
      clearTimeout(this.#timer);
      again();
    });
  }

  tell(title: string, detail: string, again: (() => void) | null = null): void {
    this.#again = again;
    const told = `${title} ${detail} ${again !== null}`;
    if (told === this.#told) {
      // Who listens hears once what many attempts come to, and a button that has the focus stays.
      return;
    }
    const retry = again && button("Try again", () => this.#again?.());
    this.show(
      element("div", { class: "notice", role: "alert" }, element("h2", {}, title), element("p", {}, detail), retry),
    );
    this.#told = told;
  }

  /** Show something else in the same place; null: nothing. */
  show(notice: HTMLElement | null): void {
    this.#told = null;
    fill(this.element, notice);
  }

  /** All is well again. */
  passed(): void {
    clearTimeout(this.#timer);
    this.#retry.succeeded();
    this.show(null);
  }
}
