/** Whether there is a stream where none of its windows is: the service is asked, and what it says stands in place of the charts. */

import type { StreamData } from "../data/stream-data.js";
import { faultOf } from "../faults.js";
import type { Trouble } from "../shell/trouble.js";
import { nothingYet, type StreamHead, UNKNOWN } from "./stream-head.js";

export class Presence {
  /** Nothing is left of the stream. It is still followed: what is written under its id again is shown at once. */
  #isGone = false;
  /** At which state of the rows the service was asked whether there is still a stream. */
  #askedAt = "";

  /** `read` asks the service itself for something of the stream; `changed` is called when there is one again. */
  constructor(
    private readonly data: StreamData,
    private readonly head: StreamHead,
    private readonly trouble: Trouble,
    private readonly read: () => Promise<unknown>,
    private readonly changed: () => void,
  ) {}

  /** There are windows. */
  tellFull(): void {
    if (this.#isGone) {
      this.#isGone = false;
      this.trouble.passed();
    }
  }

  /** There are no windows: none yet, or none any more, as of a stream that was deleted. */
  tellEmpty(): void {
    const { stream, rows, momentRows } = this.data;
    const state = `${rows.version} ${momentRows.version}`;
    if (stream === null && this.#askedAt !== state) {
      this.#askedAt = state;
      void this.#ask();
    }
    if (!this.#isGone || stream !== null) {
      this.#isGone = false;
      this.head.isConnecting(true);
      this.trouble.show(nothingYet());
    }
  }

  /** Live updates have ended for good: a read says whether it is for want of a token, or of the stream. */
  async findOutWhy(): Promise<void> {
    try {
      await this.read();
    } catch (error) {
      this.trouble.failed(error, () => location.reload());
    }
  }

  async #ask(): Promise<void> {
    try {
      await this.read();
      this.#isGone = false;
      this.changed();
    } catch (error) {
      if (faultOf(error).kind === "unknown" && this.data.rows.list.length === 0) {
        this.#isGone = true;
        this.head.isConnecting(false);
        this.trouble.failed(error, () => void this.#ask(), () => UNKNOWN);
      }
    }
  }
}
