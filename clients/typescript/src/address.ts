/** The service's addresses: a base that may have a path as a prefix, and what stands below it. */

const EXPECTED = "Expected the service's address, such as https://example.org/prefix";

/** Returns the URL of something to read, or, with `socket`, to open a WebSocket to; what is null or undefined is no parameter. */
export type Address = (path: string, query?: object, socket?: boolean) => string;

/** Returns the addresses below `base`, which in a page may be relative to it. Throws a TypeError when it can't be used. */
export function addressOf(base: string | URL): Address {
  const { protocol, host, pathname, search, hash, username, password } = parsed(base);
  if (!/^(http|ws)s?:$/.test(protocol) || search || hash || username || password) {
    // Not repeated: it may hold a password.
    throw new TypeError(`${EXPECTED}, without a user's name, a query or a fragment.`);
  }
  const secure = protocol.endsWith("s:") && protocol !== "ws:" ? "s" : "";
  const rest = `${secure}://${host}${pathname.replace(/\/+$/, "")}`;
  return (path, query = {}, socket) => {
    const given = Object.entries(query).filter(([, value]) => value != null);
    const question = given.length ? `?${new URLSearchParams(given as [string, string][])}` : "";
    return (socket ? "ws" : "http") + rest + path + question;
  };
}

/** Returns a stream's id as one segment of a path. Throws a TypeError for one that no path can have. */
export function segment(streamId: string): string {
  try {
    // URLs take dots for steps in the path, however they are written.
    if (!/^\.{0,2}$/.test(streamId)) return encodeURIComponent(streamId);
  } catch {
    // Half a character: a lone surrogate.
  }
  throw new TypeError(`No URL can name a stream with the id ${JSON.stringify(streamId)}.`);
}

function parsed(base: string | URL): URL {
  try {
    return new URL(base, globalThis.location?.href);
  } catch {
    throw new TypeError(`${EXPECTED}.`);
  }
}
