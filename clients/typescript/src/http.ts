/** One request to the service: with its token, and its failures as one kind of error. Knows no resource. */

import { TelemetraError } from "./errors.js";

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

export class Http {
  readonly #fetch: typeof fetch;
  readonly #token: Token | undefined;

  constructor(fetching: typeof fetch | undefined, token: Token | undefined) {
    // Not kept as it is: browsers refuse a fetch that is called as a method of something else.
    this.#fetch = (input, init) => (fetching ?? fetch)(input, init);
    this.#token = token;
  }

  get hasToken(): boolean {
    return !!this.#token;
  }

  async read(url: string, init: ReadInit = {}): Promise<Response> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (init.position) headers["Telemetra-Position"] = init.position;
    if (init.noCache) headers["Cache-Control"] = "no-cache";
    return this.#ask(url, { headers, signal: init.signal ?? null });
  }

  async post(url: string, signal: AbortSignal): Promise<Response> {
    return this.#ask(url, { method: "POST", headers: { Accept: "application/json" }, signal });
  }

  async #ask(url: string, init: RequestInit & { headers: Record<string, string> }): Promise<Response> {
    const token = typeof this.#token === "function" ? await this.#token() : this.#token;
    if (token) init.headers["Authorization"] = `Bearer ${token}`;
    const response = await this.#fetch(url, init);
    if (!response.ok) throw await TelemetraError.of(response);
    return response;
  }
}

/** Returns an answer's body. Throws a TelemetraError where it is no JSON, as the page of a hotel's network is. */
export async function bodyOf<T>(response: Response): Promise<T> {
  const text = await response.text();
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new TelemetraError(`HTTP ${response.status}, but what came is no JSON.`, response.status);
  }
}
