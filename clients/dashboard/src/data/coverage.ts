/**
 * Which stretches of time have been read. In milliseconds, half-open.
 *
 * Knows nothing of rows: a stretch without any is as well known as a full one.
 */

export interface Stretch {
  readonly from: number;
  readonly to: number;
}

export class Coverage {
  #stretches: Stretch[] = [];

  /** Where the oldest stretch begins; -Infinity once the beginning of everything has been read. */
  get start(): number {
    return this.#stretches[0]?.from ?? Infinity;
  }

  get hasBeginning(): boolean {
    return this.start === -Infinity;
  }

  add(from: number, to: number): void {
    const apart = (one: Stretch): boolean => one.to < from || one.from > to;
    const touching = this.#stretches.filter((one) => !apart(one));
    const start = Math.min(from, ...touching.map((one) => one.from));
    const end = Math.max(to, ...touching.map((one) => one.to));
    this.#stretches = [...this.#stretches.filter(apart), { from: start, to: end }].sort((one, other) => one.from - other.from);
  }

  /** The newest part of a range that has not been read. */
  newestGap(from: number, to: number): Stretch | null {
    let edge = to;
    for (const one of this.#stretches.toReversed()) {
      if (one.from >= edge) {
        continue;
      }
      if (one.to < edge) {
        break;
      }
      edge = one.from;
    }
    if (edge <= from) {
      return null;
    }
    const before = this.#stretches.findLast((one) => one.to < edge);
    return { from: Math.max(from, before?.to ?? -Infinity), to: edge };
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
      })),
    );
    this.#stretches = [];
    for (const one of kept) {
      if (one.from < one.to) {
        this.add(one.from, one.to);
      }
    }
  }

  clear(): void {
    this.#stretches = [];
  }
}
