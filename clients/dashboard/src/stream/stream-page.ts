/** One stream: its names, its connection, its figures of now, its charts and its moments, all of one `StreamData`. */

import type { LiveStatus } from "telemetra-client";
import { type Columns, columnsOf } from "../chart/columns.js";
import { View } from "../chart/view.js";
import { StreamData } from "../data/stream-data.js";
import { isOfNow } from "../data/windows.js";
import { element } from "../elements.js";
import { whyUnnameable } from "../routes.js";
import type { Shell } from "../shell/shell.js";
import { Trouble } from "../shell/trouble.js";
import { everySeen, framed, settled } from "../timing.js";
import { ChartCard, windowsInView } from "./chart-card.js";
import { downloads } from "./downloads.js";
import { Emotes } from "./emotes.js";
import { Figures } from "./figures.js";
import { MomentsList } from "./moments-list.js";
import { Presence } from "./presence.js";
import { StreamHead, UNKNOWN } from "./stream-head.js";

/** How many windows are shown at first, and how much is read beyond the left end of what is shown. */
const FIRST_SHOWN = 180;
const AHEAD_SHARE = 0.5;
const MOST_AHEAD = 2000;

export class StreamPage {
  readonly element: HTMLElement;
  readonly #data: StreamData;
  readonly #view: View;
  readonly #charts: ChartCard;
  readonly #head: StreamHead;
  readonly #figures = new Figures();
  readonly #moments: MomentsList;
  readonly #emotes = new Emotes();
  readonly #trouble: Trouble;
  readonly #presence: Presence;
  readonly #body: HTMLElement;
  readonly #refresh: () => void;
  readonly #settle: () => void;
  #columns: Columns = columnsOf([], null);
  #drawn = { rows: -1, moments: "" };
  #length: number | null = null;
  #selected: string | null = null;
  #isOpen = false;
  #isShown = false;

  constructor(
    private readonly shell: Shell,
    readonly streamId: string,
    private readonly signal: AbortSignal,
  ) {
    this.#refresh = framed(() => this.#update(), signal);
    this.#settle = settled(() => this.#showInView(), 200, signal);
    this.#trouble = new Trouble(() => shell.askForToken(), signal);
    this.#head = new StreamHead(streamId, (text) => shell.announcer.say(text), () => this.#isOfNow, signal);
    this.#data = new StreamData(
      shell.session.client,
      streamId,
      { changed: () => this.#refresh(), status: (status) => this.#tellStatus(status) },
      signal,
    );
    this.#presence = new Presence(
      this.#data,
      this.#head,
      this.#trouble,
      () => shell.session.client.metrics(streamId, { limit: 1 }, { signal, noCache: true }),
      this.#refresh,
    );
    this.#view = new View(() => this.#moved());
    this.#moments = new MomentsList({
      chosen: (key) => this.#choose(key, true),
      older: () => this.#data.moments.want(this.#data.moments.coverage.start - 1, Infinity),
    });
    this.#charts = this.#makeCharts();
    this.#body = element(
      "div",
      { class: "stream-body", hidden: true },
      this.#figures.element,
      element("div", { class: "columns" }, this.#charts.element, element("div", { class: "sides" }, this.#moments.element, this.#emotes.element)),
    );
    this.element = element("div", { class: "page" }, this.#head.element, this.#trouble.element, this.#body);
    this.#nameIt();
    everySeen(1000, () => this.#figures.age(shell.zone.zone), signal);
    document.addEventListener("keydown", (event) => this.#heard(event), { signal });
    shell.zone.onChange(() => this.#rezone(), signal);
    shell.theme.onChange(() => this.#charts.stack.recolour(), signal);
  }

  get title(): string {
    return this.#data.stream?.title?.trim() || this.streamId;
  }

  /** Read and go live; show what goes wrong, and try again what may pass. */
  async open(): Promise<void> {
    const why = whyUnnameable(this.streamId);
    if (why !== null) {
      this.#head.isConnecting(false);
      this.#trouble.tell("This stream can't be opened here", why);
      return;
    }
    try {
      await this.#data.open();
      this.#trouble.passed();
      this.#isOpen = true;
      this.#refresh();
    } catch (error) {
      this.#head.isConnecting(false);
      this.#trouble.failed(error, () => void this.open(), (fault) => (fault.kind === "unknown" ? UNKNOWN : fault.detail));
    }
  }

  #tellStatus(status: LiveStatus): void {
    this.#head.badge.tell(status);
    if (status.error) {
      void this.#presence.findOutWhy();
    }
  }

  #makeCharts(): ChartCard {
    const { session, announcer } = this.shell;
    const say = (text: string): void => announcer.say(text);
    const files = downloads(session, this.streamId, () => this.#view.range, this.signal);
    return new ChartCard(
      this.#view,
      () => {
        const { from, to } = this.#view.range;
        return {
          columns: this.#columns,
          gaps: this.#data.history.coverage.gaps(from, Math.min(to, this.#newest)),
          begins: this.#data.beginning,
          moments: this.#data.momentRows.list,
          selected: this.#selected,
          zone: this.shell.zone.zone,
        };
      },
      {
        chosenMoment: (key) => this.#choose(key, false),
        chosenLength: (length) => {
          this.#length = length;
          this.#drawn.rows = -1;
          this.#refresh();
        },
        back: () => this.#leaveMoment(),
        retry: () => this.#data.history.retry(),
        say,
        opened: () => this.#showInView(),
      },
      files,
      this.signal,
    );
  }

  #nameIt(): void {
    if (this.#head.name(this.title)) {
      this.shell.name(this.title);
    }
  }

  /** Bring everything to what the data is now. */
  #update(): void {
    this.#nameIt();
    if (!this.#isOpen) {
      return;
    }
    const { rows } = this.#data;
    const isEmpty = rows.list.length === 0;
    this.#body.hidden = isEmpty;
    if (isEmpty) {
      this.#presence.tellEmpty();
      return;
    }
    this.#presence.tellFull();
    this.#head.isConnecting(true);
    this.#trouble.show(null);
    if (this.#drawn.rows !== rows.version) {
      this.#drawn.rows = rows.version;
      this.#columns = columnsOf(rows.list, this.#length);
      this.#charts.offerLengths(this.#columns);
      this.#figures.show(this.#columns.windows.at(-1) ?? null, this.shell.zone.zone);
      this.#head.badge.look();
      this.#settle();
    }
    this.#view.bound({ begins: this.#data.beginning, ends: this.#newest, step: this.#columns.step });
    if (!this.#isShown) {
      this.#isShown = true;
      this.#showFirst();
    }
    this.#showMoments();
    this.#tellHistory();
    this.#want();
    this.#charts.stack.redraw();
  }

  #showFirst(): void {
    const { step, at } = this.#columns;
    const known = this.#newest - (at[0] ?? 0);
    if (this.#data.beginning !== null && known < FIRST_SHOWN * step) {
      this.#view.fit();
    } else {
      this.#view.showSpan(FIRST_SHOWN * step);
      this.#view.follow();
    }
  }

  /** Whether the newest window is one of now. */
  get #isOfNow(): boolean {
    const newest = this.#columns.windows.at(-1);
    return newest !== undefined && isOfNow(newest, Date.now());
  }

  /** End of the newest window that is drawn. */
  get #newest(): number {
    return this.#columns.windows.at(-1)?.until ?? 0;
  }

  #moved(): void {
    this.#charts.update(this.shell.zone.zone);
    this.#want();
    this.#tellHistory();
    this.#charts.stack.redraw();
    this.#settle();
  }

  #want(): void {
    if (this.#isOpen && this.#isShown) {
      const { from, to } = this.#view.range;
      const ahead = Math.min((to - from) * AHEAD_SHARE, MOST_AHEAD * this.#columns.step);
      this.#data.want(from - ahead, this.#view.isFollowing ? Infinity : to + ahead);
    }
  }

  #tellHistory(): void {
    const { history, rows, beginning } = this.#data;
    this.#charts.tellHistory(history.state, history.error, beginning !== null, this.shell.zone.zone, rows.list[0]);
  }

  #showMoments(): void {
    const { momentRows, moments } = this.#data;
    const { zone } = this.shell.zone;
    const hasOlder = !moments.coverage.hasBeginning && momentRows.list.length > 0;
    const state = `${momentRows.version} ${this.#selected} ${hasOlder} ${zone.name}`;
    if (this.#drawn.moments !== state) {
      this.#drawn.moments = state;
      this.#moments.show(momentRows.list, this.#selected, hasOlder, zone);
    }
  }

  /** Select a moment and go there; the one that is selected already: let it go, and go back. */
  #choose(key: string, goThere: boolean): void {
    if (this.#selected === key && goThere) {
      this.#leaveMoment();
      return;
    }
    this.#selected = key;
    const moment = this.#data.momentRows.get(key);
    if (goThere && moment) {
      this.#view.jump(moment.at);
    }
    this.#showMoments();
    if (!goThere) {
      this.#moments.reveal(key);
    }
    this.#charts.stack.redraw();
  }

  /** Let the selected moment go, and be where one was before it. */
  #leaveMoment(): void {
    this.#selected = null;
    this.#view.goBack();
    this.#showMoments();
    this.#charts.stack.redraw();
  }

  /** Escape leaves a moment wherever the focus is, unless something that is open there wants the key for itself. */
  #heard({ key, target }: KeyboardEvent): void {
    const isHere = target === document.body || (target instanceof Node && this.#body.contains(target));
    if (key === "Escape" && isHere) {
      this.#leaveMoment();
    }
  }

  #showInView(): void {
    const windows = windowsInView(this.#columns, this.#view);
    this.#emotes.show(windows);
    this.#charts.table.show(windows, this.shell.zone.zone);
  }

  #rezone(): void {
    const { zone } = this.shell.zone;
    this.#figures.age(zone);
    this.#charts.update(zone);
    this.#showMoments();
    this.#tellHistory();
    this.#showInView();
    this.#charts.stack.redraw();
  }
}
