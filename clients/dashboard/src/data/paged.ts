/**
 * Reads a stream's rows backwards, page by page, as far as somebody looks, and tells how that goes.
 *
 * One page is on its way at a time. What failed is tried again, by itself where that can help. Knows what was read by its
 * `Coverage`, and nothing of drawing.
 */

import type { Page } from "telemetra-client";
import { Coverage, type Stretch } from "./coverage.js";
import { isPassing, Retry } from "./retry.js";
import type { Row, Rows } from "./rows.js";

/** How to read the newest page of what is before an instant; before Infinity, the newest of all. */
export type ReadPage<W> = (end: number) => Promise<Page<W>>;

export type PagingState = "idle" | "loading" | "waiting" | "failed";

/** No instant is later: what is wanted from here on is the newest page alone. In milliseconds since 1970. */
export const LATEST = 8.64e15;

export class Paged<W, R extends Row> {
  readonly coverage = new Coverage();
  readonly #retry = new Retry();
  #wanted: readonly [number, number] = [LATEST, Infinity];
  #state: PagingState = "idle";
  #error: unknown = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly rows: Rows<R>,
    private readonly rowOf: (wire: W) => R,
    private readonly read: ReadPage<W>,
    private readonly changed: () => void,
    private readonly signal: AbortSignal,
  ) {
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  get state(): PagingState {
    return this.#state;
  }

  get error(): unknown {
    return this.#error;
  }

  /** Have everything between two times read. */
  want(from: number, to: number): void {
    this.#wanted = [from, to];
    if (this.#state === "idle") {
      void this.#goOn();
    }
  }

  /** Try again now what failed. */
  retry(): void {
    if (this.#state === "waiting" || this.#state === "failed") {
      clearTimeout(this.#timer);
      void this.#goOn();
    }
  }

  /** Look again whether something is missing that is wanted. */
  again(): void {
    this.want(...this.#wanted);
  }

  /** Read one page, the newest, and return it. */
  async newest(): Promise<Page<W>> {
    return this.#page({ from: -Infinity, to: Infinity });
  }

  async #goOn(): Promise<void> {
    for (;;) {
      const gap = this.coverage.newestGap(...this.#wanted);
      if (!gap || this.signal.aborted) {
        this.#become("idle");
        return;
      }
      this.#become("loading");
      try {
        await this.#page(gap);
        this.#retry.succeeded();
      } catch (error) {
        this.#failed(error);
        return;
      }
    }
  }

  async #page(gap: Stretch): Promise<Page<W>> {
    const reading = this.rows.begin();
    try {
      const first = await this.read(gap.to);
      let page = first;
      const rows = page.data.map(this.rowOf);
      while (page.next && startOf(rows) >= gap.to) {
        // A whole page of one instant, the last one of the gap: it takes us nowhere.
        page = await page.next();
        rows.push(...page.data.map(this.rowOf));
      }
      const from = page.next ? startOf(rows) : -Infinity;
      if (this.rows.merge(reading, rows, from, gap.to)) {
        this.coverage.add(from, gap.to);
      }
      this.changed();
      return first;
    } finally {
      this.rows.end(reading);
    }
  }

  #failed(error: unknown): void {
    if (this.signal.aborted) {
      return;
    }
    this.#error = error;
    if (isPassing(error)) {
      this.#timer = setTimeout(() => void this.#goOn(), this.#retry.after(error));
      this.#become("waiting");
    } else {
      this.#become("failed");
    }
  }

  #become(state: PagingState): void {
    if (this.#state !== state) {
      this.#state = state;
      this.changed();
    }
  }
}

/** From when on rows of a page are all there: others at the instant of the oldest may be on the next page. */
function startOf(rows: readonly Row[]): number {
  return rows.reduce((oldest, row) => Math.min(oldest, row.at), Infinity) + 1;
}
