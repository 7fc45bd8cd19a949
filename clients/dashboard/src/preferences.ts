/** What the reader has chosen, kept in the browser. A browser that keeps nothing is no fault: the choice then ends with the page. */

/** Kept beside other pages of the same host, which have names of their own. */
const PREFIX = "telemetra.";

export function recall(storage: () => Storage, name: string): string | null {
  try {
    return storage().getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function remember(storage: () => Storage, name: string, value: string | null): void {
  try {
    if (value === null) {
      storage().removeItem(PREFIX + name);
    } else {
      storage().setItem(PREFIX + name, value);
    }
  } catch {
    // It is remembered until the page ends.
  }
}

export const lasting = (): Storage => localStorage;
export const untilTheTabCloses = (): Storage => sessionStorage;
