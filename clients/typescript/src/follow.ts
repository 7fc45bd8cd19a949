/** A live stream as an async iterator, in bounded memory. */

import type { LiveRefused } from "./ending.js";
import type { LiveHandlers, LiveStatus, LiveStream } from "./live.js";
import type { LiveMessage } from "./types.js";

export interface FollowOptions {
  since?: string | null | undefined;
  /** Ends it: the loop throws the signal's reason. */
  signal?: AbortSignal | undefined;
  onStatus?: ((status: LiveStatus) => void) | undefined;
}

/** How much may wait for its reader, in characters of JSON. */
const MOST_WAITING = 1 << 20;
const LAGGING: LiveStatus = { state: "waiting", retryAt: null, reason: "the reader lags behind", error: null };

/**
 * Yields each message, once.
 *
 * A browser's WebSocket can't be told to wait. So when the reader lags behind by more than a mebibyte of messages, the
 * connection is given up, and taken up again at the position of the last message that waits, when all have been read. Nothing is
 * lost or doubled: rows that were rewritten meanwhile come in their newest form.
 */
export async function* follow(
  open: (since: string | null, handlers: LiveHandlers) => LiveStream,
  { since = null, signal, onStatus }: FollowOptions,
): AsyncGenerator<LiveMessage, void, undefined> {
  signal?.throwIfAborted();
  const waiting: [message: LiveMessage, characters: number][] = [];
  let characters = 0;
  let position = since;
  let refusal: LiveRefused | null = null;
  let look = (): void => {};
  let stream: LiveStream | null = null;
  const handlers: LiveHandlers = {
    onMessage(message, length) {
      waiting.push([message, length]);
      characters += length;
      look();
      if (characters > MOST_WAITING && stream) {
        position = stream.position;
        stream.close();
        stream = null;
        onStatus?.(LAGGING);
      }
    },
    onStatus(status) {
      refusal = status.error;
      look();
      onStatus?.(status);
    },
  };
  const aborted = (): void => look();
  signal?.addEventListener("abort", aborted);
  try {
    while (true) {
      signal?.throwIfAborted();
      const next = waiting.shift();
      if (next) {
        characters -= next[1];
        yield next[0];
      } else if (refusal) {
        throw refusal;
      } else {
        stream ??= open(position, handlers);
        await new Promise<void>((resolve) => {
          look = resolve;
        });
      }
    }
  } finally {
    signal?.removeEventListener("abort", aborted);
    (stream as LiveStream | null)?.close();
  }
}
