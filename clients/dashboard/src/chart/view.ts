/**
 * Which stretch of time is looked at, and whether it follows the newest window. In milliseconds.
 *
 * Knows where data begins and ends only as bounds that it is told, and nothing of pixels.
 */

export interface Bounds {
  /** Start of the oldest window, once it is known to be the oldest; null before. */
  readonly begins: number | null;
  /** End of the newest window. */
  readonly ends: number;
  /** How far apart windows are. */
  readonly step: number;
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** At least so many windows fit, at most so many. */
const FEWEST = 5;
export const MOST = 45_000;
/** Room after the newest window, and so much of the view must always hold data, as shares of the span. */
const MARGIN = 0.02;
const KEPT_IN_VIEW = 0.2;

export class View {
  #bounds: Bounds = { begins: null, ends: 0, step: 60_000 };
  #to = 0;
  #span = 3_600_000;
  #isFollowing = true;
  #isFitted = false;
  #returnTo: (Range & { readonly isFollowing: boolean }) | null = null;

  constructor(private readonly changed: () => void) {}

  get range(): Range {
    return { from: this.#to - this.#span, to: this.#to };
  }

  get span(): number {
    return this.#span;
  }

  /** Whether the view goes along with the newest window. */
  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** Whether all there is is to be shown. */
  get isFitted(): boolean {
    return this.#isFitted;
  }

  /** Whether all there is was asked for, and is more than can be shown; not known, and so no, before it was looked for. */
  isCut(isLookedFor: boolean): boolean {
    const { begins, ends, step } = this.#bounds;
    return this.#isFitted && (begins === null ? isLookedFor : ends - begins > step * MOST);
  }

  get canReturn(): boolean {
    return this.#returnTo !== null;
  }

  /** Learn where data begins and ends. */
  bound(bounds: Bounds): void {
    const { begins, ends, step } = this.#bounds;
    if (bounds.begins === begins && bounds.ends === ends && bounds.step === step) {
      return;
    }
    this.#bounds = bounds;
    this.#settle();
  }

  pan(milliseconds: number): void {
    this.#isFitted = false;
    this.#isFollowing = false;
    this.#to += milliseconds;
    if (milliseconds > 0 && this.#to >= this.#live) {
      this.#isFollowing = true;
    }
    this.#settle();
  }

  /** Show a stretch that is `factor` times as long, and leave `anchor` where it is. */
  zoom(factor: number, anchor: number): void {
    this.#isFitted = false;
    const span = this.#clampedSpan(this.#span * factor);
    const share = (this.#to - anchor) / this.#span;
    this.#span = span;
    if (!this.#isFollowing) {
      this.#to = anchor + share * span;
    }
    this.#settle();
  }

  /** Show a stretch of this length, up to the newest window or around what is in the middle. */
  showSpan(span: number): void {
    const middle = this.#to - this.#span / 2;
    this.#isFitted = false;
    this.#span = this.#clampedSpan(span);
    this.#to = middle + this.#span / 2;
    this.#settle();
  }

  /** Show all there is, as far back as can be shown. */
  fit(): void {
    this.#isFitted = true;
    this.#isFollowing = true;
    this.#settle();
  }

  follow(): void {
    this.#isFollowing = true;
    this.#returnTo = null;
    this.#settle();
  }

  /** Show the oldest data that is known of. */
  begin(at: number): void {
    this.#isFitted = false;
    this.#isFollowing = false;
    this.#to = at + this.#span * (1 - MARGIN);
    this.#settle();
  }

  /** Go to an instant, and remember where one was. */
  jump(at: number): void {
    this.#returnTo ??= { ...this.range, isFollowing: this.#isFollowing };
    this.#isFitted = false;
    this.#isFollowing = false;
    this.#to = at + this.#span / 2;
    this.#settle();
  }

  /** Go back to where one was before the jump. */
  goBack(): void {
    const there = this.#returnTo;
    if (there) {
      this.#returnTo = null;
      this.#span = there.to - there.from;
      this.#to = there.to;
      this.#isFollowing = there.isFollowing;
      this.#settle();
    }
  }

  get #live(): number {
    return this.#bounds.ends + this.#span * MARGIN;
  }

  #clampedSpan(span: number): number {
    const { step } = this.#bounds;
    return Math.min(Math.max(span, step * FEWEST), step * MOST);
  }

  #settle(): void {
    const { begins, ends, step } = this.#bounds;
    if (this.#isFitted) {
      this.#span = begins === null ? step * MOST : this.#clampedSpan((ends - begins) * (1 + 2 * MARGIN));
    }
    if (this.#isFollowing) {
      this.#to = this.#live;
    } else {
      const least = begins === null ? -Infinity : begins + this.#span * KEPT_IN_VIEW;
      // Not past the newest window either, but for a small margin.
      this.#to = Math.max(Math.min(this.#to, this.#live), Math.min(least, this.#live));
    }
    this.changed();
  }
}
