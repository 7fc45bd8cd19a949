/** Where a time axis has its marks, and what they are called: round times of the zone's own clock and calendar. */

import type { CalendarDay, Zone } from "../zone.js";

export interface Tick {
  readonly at: number;
  readonly label: string;
  /** A new day, month or year begins here. */
  readonly isMajor: boolean;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONTH = 30.4 * DAY;

const CLOCK_STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
];
const DAY_STEPS = [1, 2, 4, 7, 14];
const MONTH_STEPS = [1, 3, 6, 12, 24, 60, 120];
const MOST_TICKS = 200;

/** The marks between two instants, no more than `most`, in order. */
export function timeTicks(from: number, to: number, most: number, zone: Zone): readonly Tick[] {
  const least = (to - from) / Math.max(most, 1);
  const step = CLOCK_STEPS.find((one) => one >= least);
  if (step) {
    return clockTicks(from, to, step, zone);
  }
  const days = DAY_STEPS.find((count) => count * DAY >= least);
  if (days) {
    return calendarTicks(from, to, zone, (first, index) => dayAfter(first, days, index), (at) => zone.day(at));
  }
  const months = MONTH_STEPS.find((count) => count * MONTH >= least) ?? 120;
  return calendarTicks(from, to, zone, (first, index) => monthAfter(first, months, index), (at) => zone.month(at));
}

/** Each day's marks begin at its midnight, so that a day of 23 or 25 hours moves none of the others'. */
function clockTicks(from: number, to: number, step: number, zone: Zone): readonly Tick[] {
  const ticks: Tick[] = [];
  const first = zone.dayOf(from);
  for (let index = 0; ticks.length < MOST_TICKS; index += 1) {
    const midnight = zone.startOf({ ...first, day: first.day + index });
    const nextMidnight = zone.startOf({ ...first, day: first.day + index + 1 });
    if (midnight > to) {
      break;
    }
    const start = midnight + Math.max(0, Math.ceil((from - midnight) / step)) * step;
    // A mark that a short or long day leaves right before the next midnight would overlap its label.
    for (let at = start; at <= to && at <= nextMidnight - step / 2 && ticks.length < MOST_TICKS; at += step) {
      const label = at === midnight ? zone.day(at) : step < MINUTE ? zone.timeWithSeconds(at) : zone.time(at);
      ticks.push({ at, label, isMajor: at === midnight });
    }
  }
  return ticks;
}

function calendarTicks(
  from: number,
  to: number,
  zone: Zone,
  dayAt: (first: CalendarDay, index: number) => CalendarDay,
  label: (at: number) => string,
): readonly Tick[] {
  const ticks: Tick[] = [];
  const first = zone.dayOf(from);
  for (let index = 0; index < MOST_TICKS; index += 1) {
    const at = zone.startOf(dayAt(first, index));
    if (at > to) {
      break;
    }
    if (at >= from) {
      ticks.push({ at, label: label(at), isMajor: zone.dayOf(at).day === 1 });
    }
  }
  return ticks;
}

/** Every so many days by the count of days since 1970, so that panning does not move the marks. */
function dayAfter(first: CalendarDay, days: number, index: number): CalendarDay {
  const number = Math.floor(Date.UTC(first.year, first.month, first.day) / DAY);
  return { ...first, day: first.day - (number % days) + index * days };
}

function monthAfter(first: CalendarDay, months: number, index: number): CalendarDay {
  const number = first.year * 12 + first.month;
  const month = number - (number % months) + index * months;
  return { year: Math.floor(month / 12), month: month % 12, day: 1 };
}
