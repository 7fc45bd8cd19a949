/**
 * Rows of one stream by their key, in the order of time: what was read and what was told live, made one.
 *
 * A page that was asked for before a live update may come after it. So while somebody reads, it is kept which rows were
 * told, and what a page says about those does not count. Knows nothing of sockets, requests or what a row means.
 */

export interface Row {
  /** Names the row within its stream. */
  readonly key: string;
  /** Where it stands in time, in milliseconds since 1970. */
  readonly at: number;
}

/** One that was begun and has not ended holds what is told meanwhile. */
export interface Reading {
  readonly began: number;
  readonly generation: number;
}

export class Rows<R extends Row> {
  readonly #byKey = new Map<string, R>();
  readonly #told = new Map<string, number>();
  readonly #readings = new Set<Reading>();
  #sorted: R[] | null = [];
  #clock = 0;
  #generation = 0;

  /** Grows with every change. */
  version = 0;

  /** All rows, the oldest first. */
  get list(): readonly R[] {
    this.#sorted ??= [...this.#byKey.values()].sort(byTime);
    return this.#sorted;
  }

  get(key: string): R | undefined {
    return this.#byKey.get(key);
  }

  /** Take a row as it was told live: it is newer than whatever is here. */
  tell(row: R): void {
    this.#note(row.key);
    this.#put(row);
  }

  /** Take it that a row is gone. */
  tellRemoved(key: string): void {
    this.#note(key);
    if (this.#byKey.delete(key)) {
      this.#sorted = null;
    }
  }

  /** Forget everything; pages that are on their way no longer count. */
  clear(): void {
    this.#byKey.clear();
    this.#sorted = [];
    this.outdate();
  }

  /** Have pages that are on their way no longer count: another history than theirs is told from now on. */
  outdate(): void {
    this.#generation += 1;
    this.version += 1;
  }

  /** Say that a page is asked for; `end` it, whatever comes. */
  begin(): Reading {
    const reading = { began: this.#clock, generation: this.#generation };
    this.#readings.add(reading);
    return reading;
  }

  end(reading: Reading): void {
    this.#readings.delete(reading);
    if (this.#readings.size === 0) {
      this.#told.clear();
    }
  }

  /**
   * Take a page that holds all rows with `from` <= at < `to` as they were when it was read: others of that time go.
   *
   * Returns false where the page no longer counts.
   */
  merge(reading: Reading, page: readonly R[], from: number, to: number): boolean {
    if (reading.generation !== this.#generation) {
      return false;
    }
    const isNewer = (key: string): boolean => (this.#told.get(key) ?? 0) > reading.began;
    const named = new Set(page.map((row) => row.key));
    for (const row of this.list) {
      if (row.at >= from && row.at < to && !named.has(row.key) && !isNewer(row.key)) {
        this.#byKey.delete(row.key);
      }
    }
    for (const row of page) {
      if (!isNewer(row.key)) {
        this.#byKey.set(row.key, row);
      }
    }
    this.#sorted = null;
    this.version += 1;
    return true;
  }

  /** Let go of the rows that are not `wanted`. */
  keep(wanted: (row: R) => boolean): void {
    for (const row of this.list) {
      if (!wanted(row)) {
        this.#byKey.delete(row.key);
      }
    }
    this.#sorted = null;
    this.version += 1;
  }

  #note(key: string): void {
    this.version += 1;
    this.#clock += 1;
    if (this.#readings.size > 0) {
      this.#told.set(key, this.#clock);
    }
  }

  #put(row: R): void {
    const known = this.#byKey.has(row.key);
    this.#byKey.set(row.key, row);
    const last = this.#sorted?.at(-1);
    if (this.#sorted && !known && (!last || byTime(last, row) < 0)) {
      // The usual case, the newest window, needs no new order.
      this.#sorted.push(row);
    } else {
      this.#sorted = null;
    }
  }
}

function byTime(one: Row, other: Row): number {
  return one.at - other.at || (one.key < other.key ? -1 : one.key > other.key ? 1 : 0);
}

/** The index of the first row at `at` or later, in rows that are ordered by time. */
export function firstAt(rows: readonly Row[], at: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle] as Row).at < at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
