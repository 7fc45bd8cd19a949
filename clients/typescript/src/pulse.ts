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

export interface Pulse {
  /** Something came. */
  heard(): void;
  /** The other side says at least something in this time. */
  expect(silenceMs: number): void;
  /** There is reason to doubt: ask at once. */
  doubt(): void;
  stop(): void;
}

/** Watches, until it is stopped or calls `dead`; `ask` has the other side say something. */
export function pulseOf(silenceMs: number, ask: () => void, dead: () => void): Pulse {
  let timer: ReturnType<typeof setTimeout>;
  let heardAt = Date.now();
  let dueAt = 0;
  let askedAt = 0;
  /** How often it was asked since it was last heard. */
  let asked = 0;
  let isSuspect = false;

  const wait = (ms: number): void => {
    clearTimeout(timer);
    dueAt = Date.now() + ms;
    timer = setTimeout(look, ms);
  };
  const look = (): void => {
    const now = Date.now();
    if (asked && (now - dueAt < LATE_MS || asked >= MOST_ASKED)) return dead();
    // The clock may have been set back: that must not make it deaf.
    const left = Math.min(silenceMs, heardAt + silenceMs - now);
    if (left > 0 && !asked && !isSuspect) return wait(left);
    isSuspect = false;
    asked++;
    askedAt = now;
    wait(ANSWER_MS);
    ask();
  };
  wait(silenceMs);
  return {
    heard() {
      heardAt = Date.now();
      asked = 0;
    },
    expect(ms) {
      silenceMs = ms;
      if (!asked) wait(ms);
    },
    doubt() {
      const now = Date.now();
      // It is being asked just now.
      if (asked && now < dueAt) return;
      asked = 0;
      isSuspect = true;
      wait(Math.min(BETWEEN_MS, Math.max(0, askedAt + BETWEEN_MS - now)));
    },
    stop: () => clearTimeout(timer),
  };
}
