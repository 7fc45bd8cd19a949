/**
 * The rows of the list of streams: in the order of the service's answers, some hidden by a search. Tells which come into
 * view; asks for nothing.
 */

import type { Stream } from "telemetra-client";
import { element } from "../elements.js";
import type { Zone } from "../zone.js";
import { StreamRow } from "./stream-row.js";

/** A row so far from what is seen counts as seen: it has its figures when it is scrolled to. */
const NEAR_PIXELS = "200px";

export class StreamRows {
  readonly element = element("ul", { class: "rows", "aria-label": "Streams" });
  readonly inView = new Set<StreamRow>();
  readonly #byId = new Map<string, StreamRow>();
  readonly #byElement = new WeakMap<Element, StreamRow>();
  readonly #seen: IntersectionObserver;

  constructor(
    private readonly zone: () => Zone,
    private readonly cameIntoView: (row: StreamRow) => void,
    signal: AbortSignal,
  ) {
    this.#seen = new IntersectionObserver((entries) => this.#scrolled(entries), { rootMargin: NEAR_PIXELS });
    signal.addEventListener("abort", () => this.#seen.disconnect());
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Take streams that were read: new ones go to the end. */
  take(streams: readonly Stream[]): void {
    for (const stream of streams) {
      const known = this.#byId.get(stream.stream_id);
      if (known) {
        known.tell(stream);
        continue;
      }
      const row = new StreamRow(stream, this.zone);
      this.#byId.set(stream.stream_id, row);
      this.#byElement.set(row.element, row);
      this.element.append(row.element);
      this.#seen.observe(row.element);
    }
  }

  /** Let go of all others. */
  keepOnly(streams: readonly Stream[]): void {
    const named = new Set(streams.map((stream) => stream.stream_id));
    for (const [id, row] of this.#byId) {
      if (!named.has(id)) {
        this.#byId.delete(id);
        this.inView.delete(row);
        this.#seen.unobserve(row.element);
        row.element.remove();
      }
    }
  }

  /** Put these first, in their order. While somebody is at a row nothing moves: it would lose the focus. */
  order(streams: readonly Stream[]): void {
    if (this.element.contains(document.activeElement)) {
      return;
    }
    const wanted = streams.flatMap((stream) => this.#byId.get(stream.stream_id)?.element ?? []);
    wanted.forEach((row, index) => {
      const there = this.element.children[index];
      if (there !== row) {
        this.element.insertBefore(row, there ?? null);
      }
    });
  }

  /** Show those that have all words of a text in their title or id, and return how many these are. */
  search(text: string): number {
    const words = text.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of this.#byId.values()) {
      row.element.hidden = text !== "" && !row.matches(words);
      shown += row.element.hidden ? 0 : 1;
    }
    return shown;
  }

  #scrolled(entries: readonly IntersectionObserverEntry[]): void {
    for (const entry of entries) {
      const row = this.#byElement.get(entry.target);
      if (!row) {
        continue;
      }
      if (!entry.isIntersecting) {
        this.inView.delete(row);
      } else if (!this.inView.has(row)) {
        this.inView.add(row);
        this.cameIntoView(row);
      }
    }
  }
}
