/** Numbers and durations in words, as the reader's own language writes them. */

const NONE = "–";

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const three = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const two = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const signed = new Intl.NumberFormat(undefined, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
  signDisplay: "exceptZero",
});
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 3 });
const ago = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });

export type Format = (value: number | null | undefined) => string;

function orNone(format: (value: number) => string): Format {
  return (value) => (value === null || value === undefined || !Number.isFinite(value) ? NONE : format(value));
}

export const count: Format = orNone((value) => whole.format(value));
/** A number that may be small: two decimals below ten, and fewer above. */
export const rate: Format = orNone((value) => (Math.abs(value) < 10 ? two.format(value) : three.format(value)));
export const sentiment: Format = orNone((value) => signed.format(value));
export const axis: Format = orNone((value) => (Math.abs(value) >= 10_000 ? short.format(value) : three.format(value)));

const UNITS = [
  ["year", 365.25 * 86_400],
  ["month", 30.4375 * 86_400],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
] as const;

/** How long ago something was, or in what time it will be, in words. */
export function timeAgo(at: number, now: number): string {
  const seconds = Math.abs(now - at) / 1000;
  if (seconds < 1) {
    return "now";
  }
  const [unit, length] = UNITS.find(([, one]) => seconds >= one) ?? ["second", 1];
  const count = Math.floor(seconds / length);
  return ago.format(now < at ? count : -count, unit);
}

/** When a stretch of time ended or will end, in words: `ended 2 min. ago`, `still open`, `ends in 1 hr.`. */
export function ending(at: number, until: number, now: number): string {
  if (until - now < 1000) {
    return `ended ${timeAgo(until, now)}`;
  }
  return at <= now ? "still open" : `ends ${timeAgo(until, now)}`;
}

/** A length of time, such as `5 min`. */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 60) {
    return `${three.format(seconds)} s`;
  }
  if (seconds < 3600) {
    return `${three.format(seconds / 60)} min`;
  }
  return seconds < 86_400 * 2 ? `${three.format(seconds / 3600)} h` : `${three.format(seconds / 86_400)} days`;
}
