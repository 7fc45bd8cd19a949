/** The charts with what moves them: how much time, which windows, where to, and what is known of the history. */

import { type Columns, indexAt } from "../chart/columns.js";
import { ChartStack, type Shown } from "../chart/stack.js";
import { MOST, type View } from "../chart/view.js";
import type { PagingState } from "../data/paged.js";
import type { ChatWindow } from "../data/windows.js";
import { button, element, fill, setText } from "../elements.js";
import { faultOf } from "../faults.js";
import * as format from "../format.js";
import type { Zone } from "../zone.js";
import { DataTable } from "./data-table.js";
import type { Downloads } from "./downloads.js";
import { SpanChoice } from "./span-choice.js";

export interface ChartCardEvents {
  chosenMoment(key: string): void;
  chosenLength(length: number): void;
  /** Somebody wants to be where they were before a moment. */
  back(): void;
  retry(): void;
  say(text: string): void;
  /** The table was opened: it wants its rows. */
  opened(): void;
}

export class ChartCard {
  readonly stack: ChartStack;
  readonly table: DataTable;
  readonly element: HTMLElement;
  readonly #spans: SpanChoice;
  readonly #newest: HTMLButtonElement;
  readonly #back: HTMLButtonElement;
  readonly #lengths = element("select", { "aria-label": "Which windows are drawn" });
  readonly #history = element("p", { class: "quiet history" });
  readonly #zone = element("p", { class: "quiet" });

  constructor(
    private readonly view: View,
    show: () => Shown,
    private readonly events: ChartCardEvents,
    private readonly downloads: Downloads,
    signal: AbortSignal,
  ) {
    this.stack = new ChartStack(view, show, { chosen: events.chosenMoment, say: events.say }, signal);
    this.table = new DataTable(events.opened);
    this.#spans = new SpanChoice(view);
    this.#newest = button("Go to the newest window", () => view.follow(), { title: "End" }, "Newest");
    this.#back = button("Go back to where you were", () => events.back(), { title: "Esc", hidden: true }, "↩ Back");
    this.#lengths.addEventListener("change", () => events.chosenLength(Number(this.#lengths.value)));
    const middle = (): number => (view.range.from + view.range.to) / 2;
    this.element = element(
      "section",
      { class: "card chart-card", "aria-label": "Charts" },
      element(
        "div",
        { class: "toolbar" },
        this.#spans.element,
        element(
          "div",
          { class: "choices", role: "group", "aria-label": "Zoom" },
          button("Show more time", () => view.zoom(2, middle()), {}, "−"),
          button("Show less time", () => view.zoom(0.5, middle()), {}, "+"),
        ),
        this.#newest,
        this.#back,
        element("span", { class: "filler" }),
        this.#lengths,
        this.table.toggle,
        downloads.menu,
      ),
      this.stack.element,
      element("div", { class: "chart-foot" }, this.#history, this.#zone),
      this.table.element,
    );
  }

  /** Show where the view is. */
  update(zone: Zone): void {
    this.#spans.update();
    this.#newest.setAttribute("aria-pressed", String(this.view.isFollowing));
    this.#back.hidden = !this.view.canReturn;
    setText(this.#zone, `Times in ${zone.label(this.view.range.to)}`);
  }

  /** Offer the lengths of windows that there are, where there is more than one. */
  offerLengths(columns: Columns): void {
    const offered = columns.lengths.join();
    this.#lengths.hidden = columns.lengths.length < 2;
    if (this.#lengths.dataset["offered"] !== offered) {
      this.#lengths.dataset["offered"] = offered;
      fill(this.#lengths, ...columns.lengths.map((length) => element("option", { value: length }, `Windows of ${format.duration(length)}`)));
    }
    this.#lengths.value = String(columns.length);
  }

  /** Say how reading older windows goes. */
  tellHistory(state: PagingState, error: unknown, hasAll: boolean, zone: Zone, oldest: ChatWindow | undefined): void {
    this.stack.element.setAttribute("aria-busy", String(state === "loading"));
    const since = oldest ? `since ${zone.dayAndTime(oldest.at)}` : "";
    const isCut = this.view.isCut(state === "idle");
    const told = `${state} ${hasAll} ${isCut} ${since}`;
    if (this.#history.dataset["told"] === told) {
      return;
    }
    this.#history.dataset["told"] = told;
    if (state === "loading") {
      fill(this.#history, "Loading older windows…");
    } else if (state === "waiting" || state === "failed") {
      fill(
        this.#history,
        `Older windows could not be read: ${faultOf(error).title.toLowerCase()}. `,
        button("Try again", () => this.events.retry(), { class: "plain" }),
      );
    } else if (isCut) {
      fill(this.#history, `These are the newest: no more than ${format.count(MOST)} windows are drawn at once. The download has all: `, this.downloads.allWindows);
    } else {
      fill(this.#history, hasAll ? `All of its history, ${since}` : `Loaded ${since}; drag to the right for more`);
    }
  }
}

/** The windows that are in view, in the order of time. */
export function windowsInView(columns: Columns, view: View): readonly ChatWindow[] {
  const { from, to } = view.range;
  return columns.windows.slice(indexAt(columns, from), indexAt(columns, to));
}
