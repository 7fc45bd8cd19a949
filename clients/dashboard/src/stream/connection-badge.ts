/**
 * Whether changes come, seen at all times, and said when that changes and stays so. Only what happens now is called live: who is
 * connected to a stream that ended long ago is no more than connected.
 */

import type { LiveStatus } from "telemetra-client";
import { element, setText } from "../elements.js";
import { everySeen, settled } from "../timing.js";

type Kind = "connecting" | "connected" | "waiting" | "offline" | "ended";

/** A break that is over sooner is not worth a word. */
const SAID_AFTER_MILLISECONDS = 2000;

const SAID: Readonly<Record<Kind, string>> = {
  connecting: "The connection is lost. Reconnecting.",
  connected: "Connected again.",
  waiting: "The connection is lost. Reconnecting.",
  offline: "You are offline.",
  ended: "Live updates have ended.",
};

const TITLES: Readonly<Record<Kind, string>> = {
  connecting: "",
  connected: "Connected: changes are shown as they are committed",
  waiting: "What is written meanwhile is shown when the connection is back",
  offline: "What is written meanwhile is shown when the network is back",
  ended: "Reload the page to try again",
};

export class ConnectionBadge {
  readonly #label = element("span", { class: "badge-label" }, "Connecting…");
  readonly #reason = element("span", { class: "badge-reason" });
  readonly element = element(
    "div",
    { class: "badge", "data-state": "connecting" },
    element("span", { class: "badge-light", "aria-hidden": "true" }),
    this.#label,
    this.#reason,
  );
  readonly #say: () => void;
  #status: LiveStatus | null = null;
  #kind: Kind = "connecting";
  /** What is known to who listens; that it connects at first goes without saying. */
  #said: Kind | null = null;

  constructor(
    private readonly say: (text: string) => void,
    private readonly isOfNow: () => boolean,
    signal: AbortSignal,
  ) {
    this.#say = settled(() => this.#speak(), SAID_AFTER_MILLISECONDS, signal);
    everySeen(1000, () => this.look(), signal);
    addEventListener("online", () => this.look(), { signal });
    addEventListener("offline", () => this.look(), { signal });
  }

  tell(status: LiveStatus): void {
    this.#status = status;
    this.look();
  }

  /** Look anew at what there is to show. */
  look(): void {
    const status = this.#status;
    const before = this.#kind;
    this.#kind = kindOf(status);
    const isLive = this.#kind === "connected" && this.isOfNow();
    this.element.dataset["state"] = isLive ? "live" : this.#kind;
    this.element.title = TITLES[this.#kind];
    setText(this.#label, isLive ? "Live" : labelOf(this.#kind, status));
    setText(this.#reason, this.#kind === "connected" ? "" : (status?.reason ?? ""));
    if (this.#kind === "connected") {
      this.#said ??= "connected";
    }
    // The way from attempt to attempt is no news, and would put off for ever what is.
    if (isTrying(this.#kind) ? !isTrying(before) : this.#kind !== before) {
      this.#say();
    }
  }

  #speak(): void {
    const isSame = this.#kind === this.#said || (isTrying(this.#kind) && (this.#said === null || isTrying(this.#said)));
    if (!isSame) {
      this.#said = this.#kind;
      this.say(SAID[this.#kind]);
    }
  }
}

function isTrying(kind: Kind): boolean {
  return kind === "connecting" || kind === "waiting";
}

function kindOf(status: LiveStatus | null): Kind {
  if (status?.state === "closed") {
    return "ended";
  }
  if (status?.state === "live") {
    return "connected";
  }
  if (!navigator.onLine) {
    return "offline";
  }
  return status?.state === "waiting" ? "waiting" : "connecting";
}

function labelOf(kind: Kind, status: LiveStatus | null): string {
  switch (kind) {
    case "connected":
      return "Connected";
    case "offline":
      return "Offline";
    case "ended":
      return "Ended";
    case "waiting": {
      const seconds = Math.max(0, Math.ceil(((status?.retryAt ?? 0) - Date.now()) / 1000));
      return seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…";
    }
    default:
      return status?.reason ? "Reconnecting…" : "Connecting…";
  }
}
