/**
 * All streams, the most recently updated first: read a page at a time, searched here, looked after while somebody looks.
 *
 * Figures are asked for when their row comes into view, a few at a time; so hundreds of streams cost what is seen of them.
 */

import type { Page, Stream } from "telemetra-client";
import { windowOf } from "../data/windows.js";
import { button, element, setText } from "../elements.js";
import type { Shell } from "../shell/shell.js";
import { Trouble } from "../shell/trouble.js";
import { everySeen, settled } from "../timing.js";
import { FewAtATime } from "./few-at-a-time.js";
import { howToBegin, nothingFound, rowHeadings } from "./list-words.js";
import type { StreamRow } from "./stream-row.js";
import { StreamRows } from "./stream-rows.js";

const PAGE = 200;
const MOST_A_PAGE = 500;
/** So many are read at most to be searched. */
const MOST_SEARCHED = 10_000;
const SPARKLINE_WINDOWS = 60;
const READ_AT_ONCE = 4;
const REFRESH_MILLISECONDS = 12_000;

export class ListPage {
  readonly title = "Streams";
  readonly element: HTMLElement;
  readonly #rows: StreamRows;
  readonly #trouble: Trouble;
  readonly #reads = new FewAtATime(READ_AT_ONCE);
  readonly #count = element("p", { class: "quiet", role: "status" }, "Loading…");
  readonly #search = element("input", { type: "search", placeholder: "Title or id", "aria-label": "Search the streams" });
  readonly #more: HTMLButtonElement;
  #next: Page<Stream>["next"] = null;
  #isReading = false;

  constructor(
    private readonly shell: Shell,
    private readonly signal: AbortSignal,
  ) {
    this.#rows = new StreamRows(() => shell.zone.zone, (row) => this.#read(row), signal);
    this.#trouble = new Trouble(() => shell.askForToken(), signal);
    this.#more = button("Show more", () => void this.#readMore(), { hidden: true });
    this.element = element(
      "div",
      { class: "page" },
      element(
        "div",
        { class: "page-head" },
        element("h1", { tabindex: -1 }, this.title),
        this.#count,
        element("div", { class: "search" }, this.#search),
      ),
      this.#trouble.element,
      element("div", { class: "card" }, rowHeadings(), this.#rows.element),
      this.#more,
    );
    this.#search.addEventListener("input", settled(() => void this.#searchAll(), 150, signal), { signal });
    everySeen(REFRESH_MILLISECONDS, () => void this.#refresh(), signal);
    everySeen(1000, () => this.#age(), signal);
    shell.zone.onChange(() => this.#age(), signal);
  }

  async open(): Promise<void> {
    await this.#reading(async () => {
      const page = await this.shell.session.client.streams({ limit: PAGE }, { signal: this.signal });
      this.#next = page.next;
      this.#rows.take(page.data);
    });
  }

  /** Read, one thing at a time, and show what goes wrong. */
  async #reading(read: () => Promise<void>): Promise<void> {
    if (this.#isReading) {
      return;
    }
    this.#isReading = true;
    try {
      await read();
      this.#trouble.passed();
      this.#show();
    } catch (error) {
      this.#trouble.failed(error, () => void this.#reading(read));
      if (this.#rows.size === 0) {
        setText(this.#count, "");
        this.element.classList.add("is-empty");
      }
    } finally {
      this.#isReading = false;
    }
  }

  async #readMore(): Promise<void> {
    const next = this.#next;
    if (next) {
      await this.#reading(async () => {
        const page = await next();
        this.#next = page.next;
        this.#rows.take(page.data);
      });
    }
  }

  /** Read the newest again: titles, and streams that are new or have moved up. */
  async #refresh(): Promise<void> {
    await this.#reading(async () => {
      const known = this.#rows.size;
      const limit = Math.min(Math.max(PAGE, known), MOST_A_PAGE);
      const page = await this.shell.session.client.streams({ limit }, { signal: this.signal });
      this.#rows.take(page.data);
      if (!page.next) {
        // The answer has all: others are gone.
        this.#next = null;
        this.#rows.keepOnly(page.data);
      } else if (page.data.length >= known) {
        // There are more than the page and the list hold: many at once are new, or the first read has failed.
        this.#next ??= page.next;
      }
      this.#rows.order(page.data);
    });
    for (const row of this.#rows.inView) {
      this.#read(row);
    }
  }

  #read(row: StreamRow): void {
    if (!row.canBeRead) {
      return;
    }
    this.#reads.add(async () => {
      if (!this.#rows.inView.has(row) || this.signal.aborted) {
        return;
      }
      try {
        const { client } = this.shell.session;
        const page = await client.metrics(row.streamId, { limit: SPARKLINE_WINDOWS }, { signal: this.signal });
        row.tellWindows(page.data.map(windowOf).toReversed());
      } catch {
        // The list says what is wrong with the service; a stream that is gone leaves the list by itself.
      }
    });
  }

  async #searchAll(): Promise<void> {
    this.#show();
    while (this.#search.value.trim() && this.#next && this.#rows.size < MOST_SEARCHED) {
      const before = this.#next;
      await this.#readMore();
      if (this.#next === before) {
        // It failed, and says so; or something else is being read, and the next key finds more.
        break;
      }
    }
  }

  #show(): void {
    const text = this.#search.value.trim();
    const shown = this.#rows.search(text);
    const { size } = this.#rows;
    const all = `${size}${this.#next ? "+" : ""} ${size === 1 && !this.#next ? "stream" : "streams"}`;
    setText(this.#count, text ? `${shown} of ${all}` : all);
    this.#more.hidden = this.#next === null || text !== "";
    this.element.classList.toggle("is-empty", shown === 0);
    this.#trouble.show(size === 0 ? howToBegin() : shown === 0 ? nothingFound(text) : null);
  }

  #age(): void {
    const now = Date.now();
    for (const row of this.#rows.inView) {
      row.age(now);
    }
  }
}
