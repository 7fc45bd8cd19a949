/** One request to the service: with its token, and its failures as one kind of error. Knows no resource. */

import { errorOf, TelemetraError } from "./errors.js";

/** A token, or what gives one: it is asked before each request, so that a token may be renewed. */
export type Token = string | (() => string | Promise<string>);

/** How one read is made. */
export interface ReadInit {
  signal?: AbortSignal | undefined;
  /** A position that you have, from an answer or a live message: the answer includes it. */
  position?: string | null | undefined;
  /** Ask the database, whatever is kept: to read your own write. */
  noCache?: boolean | undefined;
}

/** Makes a request, and returns its answer if it is the one that was asked for; else it throws a TelemetraError. */
export type Ask = (url: string, init?: ReadInit, method?: string) => Promise<Response>;

export function asking(fetching: typeof fetch | undefined, token: Token | undefined): Ask {
  return async (url, { signal, position, noCache } = {}, method = "GET") => {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (position) headers["Telemetra-Position"] = position;
    if (noCache) headers["Cache-Control"] = "no-cache";
    const shown = typeof token === "function" ? await token() : token;
    if (shown) headers["Authorization"] = `Bearer ${shown}`;
    // No method of anything: browsers refuse that.
    const response = await (fetching ?? fetch)(url, { method, headers, signal: signal ?? null });
    if (!response.ok) throw await errorOf(response);
    return response;
  };
}

/** Returns an answer's body. Throws a TelemetraError where it is no JSON, as the page of a hotel's network is. */
export async function bodyOf<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new TelemetraError(`HTTP ${response.status}, but no JSON`, response.status);
  }
}
