/** The dashboard: shows the page that the address names, and another one when it changes. */

import { ListPage } from "./streams/list-page.js";
import { routeOf } from "./routes.js";
import { Session } from "./session.js";
import { Shell } from "./shell/shell.js";
import { StreamPage } from "./stream/stream-page.js";

let page = new AbortController();

function show(): void {
  // Whatever the last page still waits for is no longer wanted.
  page.abort();
  page = new AbortController();
  const route = routeOf(location.hash);
  const shown = route.page === "stream" ? new StreamPage(shell, route.streamId, page.signal) : new ListPage(shell, page.signal);
  shell.show(shown.element, shown.title);
  void shown.open();
}

const shell = new Shell(new Session(), show, () => page.abort());
addEventListener("hashchange", show);
show();
