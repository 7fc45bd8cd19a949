/** Which page an address names. It stands after the `#`, so that it works below any prefix, and holds any id. */

export type Route = { readonly page: "streams" } | { readonly page: "stream"; readonly streamId: string };

const STREAM = "#/streams/";
const LONGEST_BYTES = 512;

export function routeOf(hash: string): Route {
  if (hash.startsWith(STREAM) && hash.length > STREAM.length) {
    try {
      return { page: "stream", streamId: decodeURIComponent(hash.slice(STREAM.length)) };
    } catch {
      // No address that this page made.
    }
  }
  return { page: "streams" };
}

export function hashOf(route: Route): string {
  return route.page === "stream" ? STREAM + encodeURIComponent(route.streamId) : "#/";
}

/** Why no address can name a stream of this id; null where one can. */
export function whyUnnameable(streamId: string): string | null {
  if (streamId === "") {
    return "Its id is empty.";
  }
  if (streamId === "." || streamId === "..") {
    return "Browsers take its id for a folder.";
  }
  return new TextEncoder().encode(streamId).length > LONGEST_BYTES ? `Its id is longer than ${LONGEST_BYTES} bytes.` : null;
}
