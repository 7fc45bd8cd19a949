/** In which zone times are shown: the reader's own, or UTC. Everything that depends on the calendar is here. */

export type ZoneName = "local" | "utc";

export interface CalendarDay {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

const UTC_ITSELF = /^(Etc\/)?(UTC|UCT|Universal|Zulu|GMT|GMT[+-]?0|Greenwich)$/;
/** Zones whose name says no more than their offset. */
const NAMELESS = new RegExp(`${UTC_ITSELF.source}|^Etc/GMT|^[+-]`);

export class Zone {
  readonly #isUtc: boolean;
  readonly #time: Intl.DateTimeFormat;
  readonly #timeWithSeconds: Intl.DateTimeFormat;
  readonly #day: Intl.DateTimeFormat;
  readonly #dayWithYear: Intl.DateTimeFormat;
  readonly #month: Intl.DateTimeFormat;

  constructor(readonly name: ZoneName) {
    this.#isUtc = name === "utc";
    const zone = this.#isUtc ? { timeZone: "UTC" } : {};
    const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
    this.#time = new Intl.DateTimeFormat(undefined, { ...zone, ...clock });
    this.#timeWithSeconds = new Intl.DateTimeFormat(undefined, { ...zone, ...clock, second: "2-digit" });
    this.#day = new Intl.DateTimeFormat(undefined, { ...zone, weekday: "short", day: "numeric", month: "short" });
    this.#dayWithYear = new Intl.DateTimeFormat(undefined, { ...zone, day: "numeric", month: "short", year: "numeric" });
    this.#month = new Intl.DateTimeFormat(undefined, { ...zone, month: "short", year: "numeric" });
  }

  time(at: number): string {
    return this.#time.format(at);
  }

  timeWithSeconds(at: number): string {
    return this.#timeWithSeconds.format(at);
  }

  day(at: number): string {
    return this.#day.format(at);
  }

  dayWithYear(at: number): string {
    return this.#dayWithYear.format(at);
  }

  month(at: number): string {
    return this.#month.format(at);
  }

  /** Day and time, for a place where neither is clear from what is around it. */
  dayAndTime(at: number): string {
    return `${this.dayWithYear(at)}, ${this.time(at)}`;
  }

  /** What the zone is called at an instant, such as `Europe/Berlin (GMT+2)`. */
  label(at: number): string {
    if (this.#isUtc) {
      return "UTC";
    }
    const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
    const offset = this.offset(at);
    return !timeZone || NAMELESS.test(timeZone) ? offset : `${timeZone} (${offset})`;
  }

  /** How far the zone is from UTC at an instant, such as `GMT+2`; `UTC` where it is UTC itself, by whatever name. */
  offset(at: number): string {
    const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
    if (this.#isUtc || !timeZone || UTC_ITSELF.test(timeZone)) {
      return "UTC";
    }
    const parts = new Intl.DateTimeFormat("en", { timeZoneName: "shortOffset" }).formatToParts(at);
    return parts.find((part) => part.type === "timeZoneName")?.value ?? "UTC";
  }

  dayOf(at: number): CalendarDay {
    const date = new Date(at);
    return this.#isUtc
      ? { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate() }
      : { year: date.getFullYear(), month: date.getMonth(), day: date.getDate() };
  }

  /** The first instant of a day; days and months out of range count on into the next or the last ones. */
  startOf({ year, month, day }: CalendarDay): number {
    const date = new Date(0);
    if (this.#isUtc) {
      date.setUTCFullYear(year, month, day);
      return date.setUTCHours(0, 0, 0, 0);
    }
    date.setFullYear(year, month, day);
    return date.setHours(0, 0, 0, 0);
  }
}
