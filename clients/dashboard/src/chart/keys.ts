/** The keys that move charts which have the focus. */

import type { View } from "./view.js";

export interface Keyed {
  /** Point at the next window, or the one before, and say it. */
  read(direction: 1 | -1): void;
  /** Go to the oldest window that is known. */
  begin(): void;
  /** Point nowhere. */
  rest(): void;
}

const PAN_SHARE = 0.1;
const PAGE_SHARE = 0.9;
const ZOOM_FACTOR = 1.5;

/** Return what hears the keys. */
export function chartKeys(view: View, keyed: Keyed): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const act = actions(view, keyed, event.shiftKey)[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  };
}

function actions(view: View, keyed: Keyed, isShifted: boolean): Readonly<Record<string, () => void>> {
  const middle = (view.range.from + view.range.to) / 2;
  const closer = (): void => view.zoom(1 / ZOOM_FACTOR, middle);
  const farther = (): void => view.zoom(ZOOM_FACTOR, middle);
  return {
    ArrowLeft: () => (isShifted ? keyed.read(-1) : view.pan(-view.span * PAN_SHARE)),
    ArrowRight: () => (isShifted ? keyed.read(1) : view.pan(view.span * PAN_SHARE)),
    PageUp: () => view.pan(-view.span * PAGE_SHARE),
    PageDown: () => view.pan(view.span * PAGE_SHARE),
    "+": closer,
    // The same key without Shift, where it needs that.
    "=": closer,
    "-": farther,
    Home: () => keyed.begin(),
    End: () => view.follow(),
    Escape: () => keyed.rest(),
  };
}
