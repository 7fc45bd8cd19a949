/**
 * Links to a stream's rows as files. Where a token is needed, which no link can carry, the page fetches what the link names,
 * and tells what stands in the way.
 */

import { TelemetraError } from "telemetra-client";
import type { Range } from "../chart/view.js";
import { element, setText } from "../elements.js";
import { faultOf } from "../faults.js";
import type { Session } from "../session.js";

interface Download {
  readonly label: string;
  readonly of: "metrics" | "moments";
  readonly format: string;
  readonly ofRange: boolean;
}

const ALL_WINDOWS: Download = { label: "All windows, CSV", of: "metrics", format: "csv", ofRange: false };
const DOWNLOADS: readonly Download[] = [
  { label: "Windows in view, CSV", of: "metrics", format: "csv", ofRange: true },
  { label: "Windows in view, NDJSON", of: "metrics", format: "ndjson", ofRange: true },
  ALL_WINDOWS,
  { label: "Moments, CSV", of: "moments", format: "csv", ofRange: false },
  { label: "Moments as chapters", of: "moments", format: "chapters", ofRange: false },
  { label: "Moments as EDL", of: "moments", format: "edl", ofRange: false },
];

export interface Downloads {
  readonly menu: HTMLElement;
  /** A link to all windows, for another place of the page. */
  readonly allWindows: HTMLAnchorElement;
}

export function downloads(
  session: Session,
  streamId: string,
  range: () => Range,
  signal: AbortSignal,
): Downloads {
  const href = (download: Download): string => {
    const query = new URLSearchParams({ format: download.format });
    if (download.ofRange) {
      const { from, to } = range();
      query.set("start_time", new Date(from).toISOString());
      query.set("end_time", new Date(to).toISOString());
    }
    return session.address(`api/v1/streams/${encodeURIComponent(streamId)}/${download.of}?${query}`);
  };
  const trouble = element("p", { class: "menu-trouble", role: "alert" });
  const failed = (error: unknown): void => {
    const { title, detail } = faultOf(error);
    setText(trouble, `${title}. ${detail}`);
    // What was pressed may stand outside of the menu, in which the trouble is told.
    menu.open = true;
  };
  const linkTo = (download: Download): HTMLAnchorElement => {
    const link = element("a", { download: true, href: href(download) }, download.label);
    link.addEventListener("click", (event) => {
      link.href = href(download);
      if (session.token !== null) {
        event.preventDefault();
        setText(trouble, "");
        const ending = download.format === "chapters" ? "chapters.txt" : download.format;
        void save(link.href, session.token, `${streamId}-${download.of}.${ending}`).catch(failed);
      }
    });
    return link;
  };
  const links = DOWNLOADS.map(linkTo);
  const menu = element("details", { class: "menu" }, element("summary", {}, "Download"), element("div", {}, element("ul", {}, ...links.map((link) => element("li", {}, link))), trouble));
  menu.addEventListener("toggle", () => {
    links.forEach((link, index) => link.setAttribute("href", href(DOWNLOADS[index] as Download)));
  });
  // An open menu is in the way of what is below it.
  const pressed = (event: PointerEvent): void => {
    menu.open &&= event.target instanceof Node && menu.contains(event.target);
  };
  document.addEventListener("pointerdown", pressed, { signal });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      event.stopPropagation();
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
  });
  return { menu, allWindows: linkTo(ALL_WINDOWS) };
}

async function save(address: string, token: string, name: string): Promise<void> {
  const answer = await fetch(address, { headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => null);
    throw new TelemetraError(problem?.detail ?? `HTTP ${answer.status}`, answer.status, problem);
  }
  const link = element("a", { href: URL.createObjectURL(await answer.blob()), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}
