/** Windows for tests: one a minute, unless it is said otherwise. */

import type { ChatWindow } from "../src/data/windows.js";

export const MINUTE = 60_000;
export const START = Date.UTC(2026, 4, 1, 18);

export function window(minute: number, changed: Partial<ChatWindow> = {}): ChatWindow {
  const at = START + minute * MINUTE;
  const until = changed.until ?? at + MINUTE;
  return {
    key: `${at} ${until}`,
    at,
    until,
    messages: minute,
    chatters: minute,
    rate: minute / 60,
    viewers: null,
    sentiment: 0,
    score: null,
    isAnomaly: false,
    emotes: [],
    ...changed,
  };
}

export function windows(...minutes: readonly number[]): readonly ChatWindow[] {
  return minutes.map((minute) => window(minute));
}
