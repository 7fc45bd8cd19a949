/** What a page's script does in a test: follows streams, and tells the test what it is told, line by line. */

import { type LiveStream, Telemetra, TelemetraError } from "../../src/index.js";

declare global {
  /** The test's ear. */
  function tell(line: object): void;
}

interface Orders {
  name: string;
  url: string;
  streamId: string;
  token?: string;
  /** Throw in the handler, at each message of this type. */
  throwAt?: string;
}

const streams = new Map<string, LiveStream>();
addEventListener("error", (event) => tell({ name: "page", uncaught: event.message }));

Object.assign(globalThis, {
  follow({ name, url, streamId, token, throwAt }: Orders): void {
    const stream = new Telemetra(url, { token }).live(streamId, {
      onMessage(message) {
        tell({ name, message });
        if (message.type === throwAt) throw new Error(`thrown at ${message.type}`);
      },
      onStatus: ({ error, ...status }) => tell({ name, status: { ...status, kind: error?.kind ?? null } }),
    });
    streams.set(name, stream);
  },
  endFollowing: (name: string): void => streams.get(name)?.close(),
  async readTwoPages({ url, streamId, token }: Orders): Promise<object> {
    try {
      const first = await new Telemetra(url, { token }).metrics(streamId, { limit: 2 });
      const second = await first.next?.();
      return { position: first.position, rows: [...first.data, ...(second?.data ?? [])] };
    } catch (error) {
      if (!(error instanceof TelemetraError)) throw error;
      return { status: error.status, code: error.problem?.code ?? null };
    }
  },
});
