/** The service's addresses: a base that may have a path as a prefix, and what stands below it. */

const EXPECTED = "Expected the service's address, such as https://example.org/prefix";

export class Address {
  readonly #secure: "s" | "";
  readonly #base: string;

  /** In a page, `base` may be relative to it. Throws a TypeError when it can't be used. */
  constructor(base: string | URL) {
    const url = parsed(base);
    if (!/^(https?|wss?):$/.test(url.protocol) || url.search || url.hash || url.username || url.password) {
      // Not repeated: it may hold a password.
      throw new TypeError(`${EXPECTED}, without a user's name, a query or a fragment.`);
    }
    this.#base = `${url.host}${url.pathname.replace(/\/+$/, "")}`;
    this.#secure = /s:$/.test(url.protocol) ? "s" : "";
  }

  http(path: string, query: object = {}): string {
    return `http${this.#secure}://${this.#base}${path}${search(query)}`;
  }

  live(streamId: string, query: object): string {
    return `ws${this.#secure}://${this.#base}/ws/live/${segment(streamId)}${search(query)}`;
  }

  /** Returns where a reference of an answer leads; never to another host, which would be shown the token. */
  follow(reference: string, from: string): string {
    const target = new URL(reference, from);
    if (target.origin !== new URL(this.http("")).origin) {
      throw new TypeError(`A link leads to another host, ${target.host}.`);
    }
    return target.href;
  }
}

/** Returns a stream's id as one segment of a path. Throws a TypeError for one that no path can have. */
export function segment(streamId: string): string {
  // URLs take dots for steps in the path, however they are written.
  if (streamId === "" || streamId === "." || streamId === "..") {
    throw new TypeError(`A stream with the id '${streamId}' can't be reached: no URL can name it.`);
  }
  try {
    return encodeURIComponent(streamId);
  } catch {
    throw new TypeError("The stream's id has half a character (a lone surrogate), which no URL can name.");
  }
}

function parsed(base: string | URL): URL {
  try {
    return new URL(base, globalThis.location?.href);
  } catch {
    throw new TypeError(`${EXPECTED}.`);
  }
}

function search(query: object): string {
  const given = Object.entries(query).filter(([, value]) => value != null);
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}
