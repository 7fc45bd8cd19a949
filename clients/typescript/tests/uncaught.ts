/** What is reported as uncaught: in a test's own process it would end the test. */

import type { TestContext } from "node:test";

/** Returns the list that grows by what is thrown in a microtask, until the test ends. */
export function uncaught(context: TestContext): unknown[] {
  const reported: unknown[] = [];
  const real = globalThis.queueMicrotask;
  globalThis.queueMicrotask = (task) =>
    real(() => {
      try {
        task();
      } catch (error) {
        reported.push(error);
      }
    });
  context.after(() => {
    globalThis.queueMicrotask = real;
  });
  return reported;
}
