/**
 * Which stretches of time have been read, and how reading goes on at the left end of each. In milliseconds, half-open.
 *
 * Knows nothing of rows: a stretch without any is as well known as a full one.
 */

export interface Stretch<N> {
  readonly from: number;
  readonly to: number;
  /** How to read what is before `from`; null where nobody knows, or where nothing is. */
  readonly next: N | null;
}

export class Coverage<N> {
  #stretches: Stretch<N>[] = [];

  /** Where the oldest stretch begins; -Infinity once the beginning of everything has been read. */
  get start(): number {
    return this.#stretches[0]?.from ?? Infinity;
  }

  get hasBeginning(): boolean {
    return this.start === -Infinity;
  }

  add(from: number, to: number, next: N | null): void {
    const apart = (one: Stretch<N>): boolean => one.to < from || one.from > to;
    const touching = this.#stretches.filter((one) => !apart(one));
    const leftmost = touching.reduce((best, one) => (one.from < best.from ? one : best), { from, to, next });
    const end = Math.max(to, ...touching.map((one) => one.to));
    this.#stretches = [
      ...this.#stretches.filter(apart),
      { from: leftmost.from, to: end, next: leftmost.next },
    ].sort((one, other) => one.from - other.from);
  }

  /** The newest part of a range that has not been read, with what reads on from its right end. */
  newestGap(from: number, to: number): Stretch<N> | null {
    let edge = to;
    let next: N | null = null;
    for (const one of this.#stretches.toReversed()) {
      if (one.from >= edge) {
        continue;
      }
      if (one.to < edge) {
        break;
      }
      edge = one.from;
      next = one.next;
    }
    if (edge <= from) {
      return null;
    }
    const before = this.#stretches.findLast((one) => one.to < edge);
    return { from: Math.max(from, before?.to ?? -Infinity), to: edge, next };
  }

  /** The parts of a range that have not been read, the oldest first. */
  gaps(from: number, to: number): readonly (readonly [number, number])[] {
    const found: [number, number][] = [];
    let edge = from;
    for (const one of this.#stretches) {
      if (one.from > edge && edge < to) {
        found.push([edge, Math.min(one.from, to)]);
      }
      edge = Math.max(edge, one.to);
    }
    if (edge < to) {
      found.push([edge, to]);
    }
    return found;
  }

  /** Forget all but what lies in one of these ranges. */
  keep(ranges: readonly (readonly [number, number])[]): void {
    const kept = this.#stretches.flatMap((one) =>
      ranges.map(([from, to]) => ({
        from: Math.max(one.from, from),
        to: Math.min(one.to, to),
        next: one.from >= from ? one.next : null,
      })),
    );
    this.#stretches = [];
    for (const one of kept) {
      if (one.from < one.to) {
        this.add(one.from, one.to, one.next);
      }
    }
  }

  /** Forget how reading goes on. */
  forgetNext(): void {
    this.#stretches = this.#stretches.map((one) => ({ ...one, next: null }));
  }

  clear(): void {
    this.#stretches = [];
  }
}
