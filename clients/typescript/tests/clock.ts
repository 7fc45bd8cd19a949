/** Time that goes by when a test says so: timers, the clock, and the chance that delays are drawn by. */

import type { TestContext } from "node:test";

type Timer = { at: number; call: () => void };

/** Lets everything that waits for nothing but its turn have it. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export class Clock {
  #now = 1_767_225_600_000;
  #timers = new Map<number, Timer>();
  #last = 0;
  /** What each draw comes to, from 0 to 1. */
  draw = 1;

  /** Takes the place of the real ones until the test ends. */
  constructor(context: TestContext) {
    const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
    const { now } = Date;
    const { random } = Math;
    Object.assign(globalThis, {
      setTimeout: (call: () => void, ms: number) => {
        this.#timers.set(++this.#last, { at: this.#now + ms, call });
        return this.#last;
      },
      clearTimeout: (id: number) => this.#timers.delete(id),
    });
    Date.now = () => this.#now;
    Math.random = () => this.draw;
    context.after(() => {
      Object.assign(globalThis, real);
      Date.now = now;
      Math.random = random;
    });
  }

  get now(): number {
    return this.#now;
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Time goes by, and every timer runs when it is due. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settled();
    for (;;) {
      const [id, next] = [...this.#timers].sort(([, one], [, other]) => one.at - other.at)[0] ?? [];
      if (id === undefined || next === undefined || next.at > until) break;
      this.#now = Math.max(this.#now, next.at);
      this.#timers.delete(id);
      next.call();
      await settled();
    }
    this.#now = until;
  }

  /** Time goes by, and no timer runs: a frozen tab, a machine that sleeps. Whatever is due runs with the next `advance`. */
  freeze(ms: number): void {
    this.#now += ms;
  }
}
