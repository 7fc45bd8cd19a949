/** When work is done: at the next frame, after a pause, or every so often while somebody looks. */

/** Return what has `work` done once before the next frame, however often it is called until then. */
export function framed(work: () => void, signal: AbortSignal): () => void {
  let request = 0;
  signal.addEventListener("abort", () => cancelAnimationFrame(request));
  return () => {
    if (request === 0 && !signal.aborted) {
      request = requestAnimationFrame(() => {
        request = 0;
        work();
      });
    }
  };
}

/** Return what has `work` done when it was not called for so many milliseconds, at the latest after `longest`. */
export function settled(work: () => void, milliseconds: number, signal: AbortSignal, longest = 10 * milliseconds): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let began: number | null = null;
  const run = (): void => {
    began = null;
    work();
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    if (signal.aborted) {
      return;
    }
    began ??= performance.now();
    clearTimeout(timer);
    const left = began + longest - performance.now();
    timer = setTimeout(run, Math.max(0, Math.min(milliseconds, left)));
  };
}

/** Have `work` done every so many milliseconds while the page is seen, and when it is seen again after a longer time. */
export function everySeen(milliseconds: number, work: () => void, signal: AbortSignal): void {
  let last = performance.now();
  const look = (): void => {
    if (!document.hidden && performance.now() - last >= milliseconds * 0.95) {
      last = performance.now();
      work();
    }
  };
  const timer = setInterval(look, milliseconds);
  document.addEventListener("visibilitychange", look, { signal });
  signal.addEventListener("abort", () => clearInterval(timer));
}
