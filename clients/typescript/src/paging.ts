/** Answers and pages: what was read, what it includes, and how to go on. */

import { type Ask, bodyOf, type ReadInit } from "./http.js";

export interface Answer<T> {
  readonly data: T;
  /** What the answer includes: `live` goes on from exactly there with it as `since`. */
  readonly position: string | null;
}

/** A page of rows. To go on live after several pages, take the position of the *first*: later pages include it. */
export interface Page<T> extends Answer<readonly T[]> {
  /** Reads the next page; null at the last one. */
  readonly next: (() => Promise<Page<T>>) | null;
}

export async function readAnswer<T>(ask: Ask, url: string, init?: ReadInit): Promise<Answer<T>> {
  return answerOf<T>(await ask(url, init));
}

export async function readPage<T>(ask: Ask, url: string, init?: ReadInit): Promise<Page<T>> {
  const response = await ask(url, init);
  const answer = await answerOf<readonly T[]>(response);
  const reference = nextIn(response.headers.get("Link") ?? "");
  if (!reference) return { ...answer, next: null };
  const following = new URL(reference, url);
  // It would be shown the token.
  if (following.origin !== new URL(url).origin) throw new TypeError(`A link leads to another server, ${following.origin}.`);
  // A kept page may be older than this one: what changed in between would be in neither, nor in the updates since this one.
  const position = answer.position ?? init?.position;
  return { ...answer, next: () => readPage<T>(ask, following.href, { ...init, position }) };
}

/** Yields the pages one after the other, each when it is asked for. */
export async function* pages<T>(first: Page<T> | Promise<Page<T>>): AsyncGenerator<Page<T>, void, undefined> {
  for (let page: Page<T> | null = await first; page; page = page.next && (await page.next())) {
    yield page;
  }
}

/** Yields all rows of all pages, reading each page when its first row is asked for. */
export async function* items<T>(first: Page<T> | Promise<Page<T>>): AsyncGenerator<T, void, undefined> {
  for await (const page of pages(first)) yield* page.data;
}

async function answerOf<T>(response: Response): Promise<Answer<T>> {
  return { data: await bodyOf<T>(response), position: response.headers.get("Telemetra-Position") };
}

/** Returns what a Link header (RFC 8288) has as `rel="next"`. */
function nextIn(header: string): string | undefined {
  for (const [, target, parameters] of header.matchAll(/<([^>]*)>([^<]*)/g)) {
    if (/;\s*rel\s*=\s*"?([^";]*\s)?next\b/i.test(parameters ?? "")) return target;
  }
  return undefined;
}
