/** When a page, or its network, comes back to life. Outside of browsers there is nothing to hear, and that is fine. */

/**
 * Calls `awake` when the network returns or the tab wakes, and `away` when the network is said to be gone, until the function that
 * is returned is called.
 */
export function onWake(awake: () => void, away: () => void): () => void {
  const ending = new AbortController();
  const hear = (target: EventTarget | undefined, type: string, call: (event: Event) => void): void =>
    target?.addEventListener?.(type, call, { signal: ending.signal });
  const page = globalThis.document;
  hear(globalThis, "online", awake);
  hear(globalThis, "offline", away);
  // Out of the back/forward cache.
  hear(globalThis, "pageshow", (event) => (event as PageTransitionEvent).persisted && awake());
  hear(page, "visibilitychange", () => page.visibilityState === "visible" && awake());
  // Thawed, maybe without being visible.
  hear(page, "resume", awake);
  return () => ending.abort();
}
