/** One stream in the list of all: its names, what it did last, and its newest figures. */

import type { Stream } from "telemetra-client";
import { columnsOf } from "../chart/columns.js";
import { type ChatWindow, isOfNow } from "../data/windows.js";
import { element, fill, foreign, setText } from "../elements.js";
import * as format from "../format.js";
import { hashOf, whyUnnameable } from "../routes.js";
import type { Zone } from "../zone.js";
import { sparkline } from "./sparkline.js";

export class StreamRow {
  readonly element: HTMLLIElement;
  readonly #title = element("span", { class: "row-title" });
  readonly #id = element("span", { class: "row-id" });
  readonly #activity = element("span", { class: "row-activity" });
  readonly #picture = element("span", { class: "row-picture" });
  readonly #rate = figure("Chat rate", "messages a second");
  readonly #viewers = figure("Viewers");
  readonly #chatters = figure("Chatters");
  readonly #sentiment = figure("Sentiment");
  #windows: readonly ChatWindow[] | null = null;

  constructor(
    private stream: Stream,
    private readonly zone: () => Zone,
  ) {
    const why = whyUnnameable(stream.stream_id);
    const names = element("span", { class: "row-names" }, this.#title, this.#id);
    const rest = [this.#picture, this.#rate, this.#viewers, this.#chatters, this.#sentiment].map((one) =>
      one instanceof HTMLElement ? one : one.element,
    );
    const content = [names, ...rest, this.#activity];
    const href = hashOf({ page: "stream", streamId: stream.stream_id });
    this.element = element(
      "li",
      { class: "row" },
      why === null
        ? element("a", { class: "row-link", href }, ...content)
        : element("div", { class: "row-link", title: `${why} It can't be opened here.` }, ...content),
    );
    this.tell(stream);
  }

  get streamId(): string {
    return this.stream.stream_id;
  }

  /** Whether the list should ask for its windows. */
  get canBeRead(): boolean {
    return whyUnnameable(this.streamId) === null;
  }

  /** Take the stream's own row. */
  tell(stream: Stream): void {
    this.stream = stream;
    fill(this.#title, foreign(stream.title?.trim() || stream.stream_id || "(no id)"));
    fill(this.#id, foreign(stream.stream_id || "(empty)"));
    this.#id.hidden = !stream.title?.trim();
    this.age(Date.now());
  }

  /** Take its newest windows, the oldest first. */
  tellWindows(windows: readonly ChatWindow[]): void {
    this.#windows = windows;
    const { windows: drawn } = columnsOf(windows, null);
    const last = drawn.at(-1);
    fill(this.#picture, sparkline(windows));
    this.#rate.show(format.rate(last?.rate));
    this.#viewers.show(format.count(last?.viewers));
    this.#chatters.show(format.count(last?.chatters));
    this.#sentiment.show(format.sentiment(last?.sentiment));
    this.age(Date.now());
  }

  matches(words: readonly string[]): boolean {
    const text = `${this.stream.title ?? ""}\n${this.stream.stream_id}`.toLowerCase();
    return words.every((word) => text.includes(word));
  }

  /** Say anew how long ago it did something. */
  age(now: number): void {
    const last = this.#windows?.at(-1);
    const at = last?.until ?? Date.parse(this.stream.updated_at);
    const isAlive = last !== undefined && isOfNow(last, now);
    this.element.classList.toggle("is-alive", isAlive);
    setText(this.#activity, isAlive ? "live" : format.timeAgo(at, now));
    const what = last ? `Newest window ${at > now ? "ends" : "ended"}` : "Last touched";
    this.#activity.title = `${what} ${this.zone().dayAndTime(at)}`;
  }
}

interface Figure {
  readonly element: HTMLElement;
  show(text: string): void;
}

function figure(label: string, unit = ""): Figure {
  const value = element("span", { class: "figure-value" }, "…");
  return {
    element: element("span", { class: "row-figure", title: unit || null }, element("span", { class: "row-label" }, label), value),
    show: (text) => setText(value, text),
  };
}
