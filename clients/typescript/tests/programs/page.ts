/** What a page's script does in a test: follows streams, and keeps what it is told for the test to fetch. */

import { type LiveMessage, type LiveStatus, type LiveStream, Telemetra, TelemetraError } from "../../src/index.js";

interface Line {
  name: string;
  message?: LiveMessage;
  status?: Omit<LiveStatus, "error"> & { kind: string | null };
}

const streams = new Map<string, LiveStream>();
const lines: Line[] = [];
const uncaught: string[] = [];
addEventListener("error", (event) => uncaught.push(event.message));

const page = {
  follow(name: string, url: string, streamId: string, token?: string, throwAt?: string): void {
    const stream = new Telemetra(url, { token }).live(streamId, {
      onMessage(message) {
        lines.push({ name, message });
        if (message.type === throwAt) throw new Error(`thrown at ${message.type}`);
      },
      onStatus: ({ error, ...status }) => lines.push({ name, status: { ...status, kind: error?.kind ?? null } }),
    });
    streams.set(name, stream);
  },
  /** Returns what came since it was last asked. */
  take: (): Line[] => lines.splice(0),
  uncaught: (): string[] => uncaught,
  close: (name: string): void => streams.get(name)?.close(),
  async read(url: string, streamId: string, token?: string): Promise<object> {
    try {
      const { data, position, next } = await new Telemetra(url, { token }).metrics(streamId, { limit: 2 });
      return { data, position, hasNext: !!next, second: next && (await next()).data };
    } catch (error) {
      if (!(error instanceof TelemetraError)) throw error;
      return { status: error.status, code: error.problem?.code ?? null };
    }
  },
};
export type Page = typeof page;
Object.assign(globalThis, { page });
