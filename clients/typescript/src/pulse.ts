/**
 * Whether the other side of a socket still lives: judged by when it was last heard, and asked before it is given up.
 *
 * A timer alone proves nothing: in a background tab it comes late, and in one that was frozen it comes before the frames
 * that arrived meanwhile. So silence is only a reason to ask, and what was asked gets its time again when the timer was late.
 */

/** How long an answer may take. */
const ANSWER_MS = 4_000;
/** A timer later than this says that the page did not run, or not freely. */
const LATE_MS = 1_000;
/** Asked more often the server would call it a flood. */
const BETWEEN_MS = 2_000;
/** Where timers are late for ever (a hidden tab), the answer had its time after so many of them. */
const MOST_ASKED = 3;

export class Pulse {
  readonly #ask: () => void;
  readonly #dead: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silenceMs: number;
  #heardAt = Date.now();
  #askedAt = 0;
  #dueAt = 0;
  /** How often it was asked since it was last heard. */
  #asked = 0;
  #isSuspect = false;

  constructor(silenceMs: number, ask: () => void, dead: () => void) {
    this.#silenceMs = silenceMs;
    this.#ask = ask;
    this.#dead = dead;
    this.#wait(silenceMs);
  }

  /** Something came. */
  heard(): void {
    this.#heardAt = Date.now();
    this.#asked = 0;
  }

  /** The other side says at least something in this time. */
  expect(silenceMs: number): void {
    this.#silenceMs = silenceMs;
    if (!this.#asked) this.#wait(silenceMs);
  }

  /** There is reason to doubt: ask at once. */
  doubt(): void {
    const now = Date.now();
    if (this.#asked && now <= this.#dueAt) return;
    this.#asked = 0;
    this.#isSuspect = true;
    this.#wait(Math.min(BETWEEN_MS, Math.max(0, this.#askedAt + BETWEEN_MS - now)));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    this.#dueAt = Date.now() + ms;
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    const now = Date.now();
    const isLate = now - this.#dueAt > LATE_MS;
    if (this.#asked && (!isLate || this.#asked >= MOST_ASKED)) {
      this.#dead();
      return;
    }
    // A clock that was set back must not make it deaf.
    const left = Math.min(this.#silenceMs, this.#heardAt + this.#silenceMs - now);
    if (!this.#asked && !this.#isSuspect && left > 0) {
      this.#wait(left);
      return;
    }
    this.#isSuspect = false;
    this.#asked += 1;
    this.#askedAt = now;
    this.#wait(ANSWER_MS);
    this.#ask();
  }
}
