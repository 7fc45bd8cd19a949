/**
 * What hands do on charts: drag and flick sideways to move in time, pinch or Ctrl with the wheel to look closer, point to
 * read. A wheel that turns up and down scrolls the page, as everywhere. Tells distances in pixels, and knows no time.
 */

export interface Gestured {
  /** Move what is seen by so many pixels to the right. */
  dragged(pixels: number): void;
  /** Show `factor` times as much, and leave what is at `x` where it is. */
  zoomed(factor: number, x: number): void;
  /** Somebody points there; null: nowhere any more. */
  pointed(x: number | null): void;
  /** Somebody pressed there without moving. */
  pressed(x: number, y: number): void;
}

const SLOP_PIXELS = 4;
const ZOOM_A_PIXEL = 0.0025;
const LINE_PIXELS = 16;

interface Touch {
  x: number;
  readonly startX: number;
}

export function listenForGestures(target: HTMLElement, gestured: Gestured, signal: AbortSignal): void {
  const touches = new Map<number, Touch>();
  let moved = false;
  const at = (event: MouseEvent): number => event.clientX - target.getBoundingClientRect().left;
  const spread = (): { distance: number; middle: number } => {
    const [one, other] = [...touches.values()] as [Touch, Touch];
    return { distance: Math.abs(one.x - other.x), middle: (one.x + other.x) / 2 };
  };

  const down = (event: PointerEvent): void => {
    if (event.button !== 0 || touches.size === 2) {
      return;
    }
    moved = touches.size > 0;
    touches.set(event.pointerId, { x: at(event), startX: at(event) });
    target.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent): void => {
    const touch = touches.get(event.pointerId);
    const x = at(event);
    if (!touch) {
      gestured.pointed(x);
      return;
    }
    const before = touches.size === 2 ? spread() : null;
    const pixels = x - touch.x;
    moved ||= Math.abs(x - touch.startX) > SLOP_PIXELS;
    if (!moved) {
      return;
    }
    touch.x = x;
    if (before) {
      const after = spread();
      gestured.zoomed(Math.max(before.distance, 10) / Math.max(after.distance, 10), after.middle);
      gestured.dragged(after.middle - before.middle);
    } else {
      gestured.pointed(null);
      gestured.dragged(pixels);
    }
  };
  const up = (event: PointerEvent): void => {
    if (touches.delete(event.pointerId) && !moved && event.type === "pointerup") {
      gestured.pointed(at(event));
      gestured.pressed(at(event), event.clientY);
    }
  };
  const leave = (event: PointerEvent): void => {
    // A finger that was lifted still shows what it pressed.
    if (event.pointerType === "mouse" && !touches.has(event.pointerId)) {
      gestured.pointed(null);
    }
  };
  const wheel = (event: WheelEvent): void => {
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE_PIXELS;
    const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      gestured.zoomed(Math.exp(event.deltaY * unit * ZOOM_A_PIXEL), at(event));
    } else if (isSideways || event.shiftKey) {
      event.preventDefault();
      gestured.dragged(-unit * (isSideways ? event.deltaX : event.deltaY));
    }
  };

  target.addEventListener("pointerdown", down, { signal });
  target.addEventListener("pointermove", move, { signal });
  target.addEventListener("pointerup", up, { signal });
  target.addEventListener("pointercancel", up, { signal });
  target.addEventListener("pointerleave", leave, { signal });
  target.addEventListener("wheel", wheel, { signal, passive: false });
  target.addEventListener("dblclick", (event) => gestured.zoomed(event.shiftKey ? 2 : 0.5, at(event)), { signal });
}
