/** A stream's windows as the page uses them: times as numbers, and only what is shown. */

import type { MetricWindow } from "telemetra-client";
import type { Row } from "./rows.js";

export interface ChatWindow extends Row {
  /** End, exclusive, in milliseconds since 1970; `at` is the start. */
  readonly until: number;
  readonly messages: number;
  readonly chatters: number;
  /** Messages a second. */
  readonly rate: number | null;
  readonly viewers: number | null;
  /** From -1 to 1. */
  readonly sentiment: number | null;
  readonly score: number | null;
  readonly isAnomaly: boolean;
  readonly emotes: readonly string[];
}

/** What can be drawn of a window. */
export type Metric = "rate" | "viewers" | "chatters" | "sentiment";

export function windowOf(window: MetricWindow): ChatWindow {
  return {
    key: windowKey(window),
    at: Date.parse(window.window_start),
    until: Date.parse(window.window_end),
    messages: window.chat_count,
    chatters: window.unique_chatters,
    rate: window.chat_rate,
    viewers: window.avg_viewers,
    sentiment: window.avg_sentiment,
    score: window.z_score,
    isAnomaly: window.is_anomaly,
    emotes: window.top_emotes,
  };
}

/** Windows may overlap: both ends together name one. As they stand on the wire, which is finer than a number here. */
export function windowKey(window: { readonly window_start: string; readonly window_end: string }): string {
  return `${window.window_start} ${window.window_end}`;
}

/** A window is of now while its end is no further away than so many of its lengths, and than so many milliseconds. */
const NEAR_LENGTHS = 3;
const NEAR_MILLISECONDS = 15_000;

/** Whether a stream whose newest window this is happens now. A window that ends far ahead is as little of now as an old one. */
export function isOfNow(newest: ChatWindow, now: number): boolean {
  return Math.abs(now - newest.until) < Math.max(NEAR_LENGTHS * (newest.until - newest.at), NEAR_MILLISECONDS);
}

const RARE = 0.1;

/** The lengths of these windows in milliseconds, the most common first; none where every window has its own. */
export function lengthsOf(windows: readonly ChatWindow[]): readonly number[] {
  const counts = new Map<number, number>();
  for (const window of windows) {
    const length = window.until - window.at;
    counts.set(length, (counts.get(length) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count >= windows.length * RARE)
    .sort(([length, count], [otherLength, otherCount]) => otherCount - count || length - otherLength)
    .map(([length]) => length);
}

/** How far apart the starts of windows in order of time mostly are, in milliseconds; null for fewer than two. */
export function stepOf(windows: readonly ChatWindow[]): number | null {
  const spacings: number[] = [];
  for (let index = 1; index < windows.length; index += 1) {
    const spacing = (windows[index] as ChatWindow).at - (windows[index - 1] as ChatWindow).at;
    if (spacing > 0) {
      spacings.push(spacing);
    }
  }
  // The lower quartile: holes in a quiet stream are large spacings, and must not pass for the usual one.
  return spacings.sort((one, other) => one - other)[spacings.length >> 2] ?? null;
}
