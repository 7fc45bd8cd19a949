/* Built from clients/dashboard by `make clients`: change it there. */

// src/data/windows.ts
function windowOf(window) {
  return {
    key: windowKey(window),
    at: Date.parse(window.window_start),
    until: Date.parse(window.window_end),
    messages: window.chat_count,
    chatters: window.unique_chatters,
    rate: window.chat_rate,
    viewers: window.avg_viewers,
    sentiment: window.avg_sentiment,
    score: window.z_score,
    isAnomaly: window.is_anomaly,
    emotes: window.top_emotes
  };
}
function windowKey(window) {
  return `${window.window_start} ${window.window_end}`;
}
var NEAR_LENGTHS = 3;
var NEAR_MILLISECONDS = 15e3;
function isOfNow(newest, now) {
  return Math.abs(now - newest.until) < Math.max(NEAR_LENGTHS * (newest.until - newest.at), NEAR_MILLISECONDS);
}
var RARE = 0.1;
function lengthsOf(windows) {
  const counts = /* @__PURE__ */ new Map();
  for (const window of windows) {
    const length = window.until - window.at;
    counts.set(length, (counts.get(length) ?? 0) + 1);
  }
  return [...counts].filter(([, count2]) => count2 >= windows.length * RARE).sort(([length, count2], [otherLength, otherCount]) => otherCount - count2 || length - otherLength).map(([length]) => length);
}
function stepOf(windows) {
  const spacings = [];
  for (let index = 1; index < windows.length; index += 1) {
    const spacing = windows[index].at - windows[index - 1].at;
    if (spacing > 0) {
      spacings.push(spacing);
    }
  }
  return spacings.sort((one, other) => one - other)[spacings.length >> 2] ?? null;
}

// src/elements.ts
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  setAttributes(made, attributes);
  made.append(...present(children));
  return made;
}
function setAttributes(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === void 0) {
      target.removeAttribute(name);
    } else {
      target.setAttribute(name, value === true ? "" : String(value));
    }
  }
}
function fill(target, ...children) {
  target.replaceChildren(...present(children));
}
function setText(target, text) {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}
function button(label, pressed, attributes = {}, ...children) {
  const made = element("button", { type: "button", ...attributes }, ...children.length > 0 ? children : [label]);
  if (children.length > 0 && !("aria-label" in attributes)) {
    made.setAttribute("aria-label", label);
  }
  made.addEventListener("click", pressed);
  return made;
}
function foreign(text, attributes = {}) {
  return element("bdi", { dir: "auto", ...attributes }, text);
}
function present(children) {
  return children.filter((child) => child !== null && child !== void 0 && child !== false).map((child) => typeof child === "number" ? String(child) : child);
}

// ../typescript/src/address.ts
var EXPECTED = "Expected the service's address, such as https://example.org/prefix";
function addressOf(base) {
  const { protocol, host, pathname, search, hash, username, password } = parsed(base);
  if (!/^(http|ws)s?:$/.test(protocol) || search || hash || username || password) {
    throw new TypeError(`${EXPECTED}, without a user's name, a query or a fragment.`);
  }
  const secure = protocol.endsWith("s:") && protocol !== "ws:" ? "s" : "";
  const rest = `${secure}://${host}${pathname.replace(/\/+$/, "")}`;
  return (path2, query = {}, socket) => {
    const given = Object.entries(query).filter(([, value]) => value != null);
    const question = given.length ? `?${new URLSearchParams(given)}` : "";
    return (socket ? "ws" : "http") + rest + path2 + question;
  };
}
function segment(streamId) {
  try {
    if (!/^\.{0,2}$/.test(streamId)) return encodeURIComponent(streamId);
  } catch {
  }
  throw new TypeError(`No URL can name a stream with the id ${JSON.stringify(streamId)}.`);
}
function parsed(base) {
  try {
    return new URL(base, globalThis.location?.href);
  } catch {
    throw new TypeError(`${EXPECTED}.`);
  }
}

// ../typescript/src/follow.ts
var MOST_WAITING = 1 << 20;
var LAGGING = { state: "waiting", retryAt: null, reason: "the reader lags behind", error: null };
async function* follow(open, { since = null, signal, onStatus }) {
  signal?.throwIfAborted();
  const waiting = [];
  let characters = 0;
  let position = since;
  let refusal = null;
  let look = () => {
  };
  let stream = null;
  const handlers = {
    onMessage(message, length) {
      waiting.push([message, length]);
      characters += length;
      look();
      if (characters > MOST_WAITING && stream) {
        position = stream.position;
        stream.close();
        stream = null;
        onStatus?.(LAGGING);
      }
    },
    onStatus(status) {
      refusal = status.error;
      look();
      onStatus?.(status);
    }
  };
  const aborted = () => look();
  signal?.addEventListener("abort", aborted);
  try {
    while (true) {
      signal?.throwIfAborted();
      const next = waiting.shift();
      if (next) {
        characters -= next[1];
        yield next[0];
      } else if (refusal) {
        throw refusal;
      } else {
        stream ??= open(position, handlers);
        await new Promise((resolve) => {
          look = resolve;
        });
      }
    }
  } finally {
    signal?.removeEventListener("abort", aborted);
    stream?.close();
  }
}

// ../typescript/src/errors.ts
var TelemetraError = class extends Error {
  constructor(message, status, problem = null, retryAfterSeconds = null) {
    super(message);
    this.status = status;
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }
  status;
  problem;
  retryAfterSeconds;
  name = "TelemetraError";
};
async function errorOf(response) {
  const { status } = response;
  const body = await response.json().catch(() => null);
  const problem = typeof body?.code === "string" && typeof body.detail === "string" ? body : null;
  return new TelemetraError(problem?.detail ?? `HTTP ${status}`, status, problem, retryAfter(response.headers));
}
function retryAfter(headers) {
  const told = headers.get("Retry-After") ?? "";
  const seconds = /^\d+$/.test(told) ? +told : (Date.parse(told) - Date.now()) / 1e3;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds);
}

// ../typescript/src/http.ts
function asking(fetching, token) {
  return async (url, { signal, position, noCache } = {}, method = "GET") => {
    const headers = { Accept: "application/json" };
    if (position) headers["Telemetra-Position"] = position;
    if (noCache) headers["Cache-Control"] = "no-cache";
    const shown2 = typeof token === "function" ? await token() : token;
    if (shown2) headers["Authorization"] = `Bearer ${shown2}`;
    const response = await (fetching ?? fetch)(url, { method, headers, signal: signal ?? null });
    if (!response.ok) throw await errorOf(response);
    return response;
  };
}
async function bodyOf(response) {
  try {
    return await response.json();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new TelemetraError(`HTTP ${response.status}, but no JSON`, response.status);
  }
}

// ../typescript/src/backoff.ts
var FIRST_MS = 250;
var LONGEST_MS = 3e4;
function delayAfter(failures, advisedMs) {
  const drawn = Math.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** failures);
  return failures ? Math.max(advisedMs ?? 0, drawn) : advisedMs ?? drawn;
}

// ../typescript/src/ending.ts
var LiveRefused = class extends Error {
  constructor(kind, code, message) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
  kind;
  code;
  name = "LiveRefused";
};
var FINAL = {
  1007: "bad_text",
  1008: "policy",
  1009: "too_large",
  4404: "stream_not_found",
  401: "credential",
  403: "access"
};
var LONGEST_ADVICE_MS = 3e5;
function endingOf(code, reason, advisedMs) {
  const kind = FINAL[code];
  if (kind) return { reason, refusal: new LiveRefused(kind, code, reason) };
  return { reason, advisedMs: advisedMs && Math.min(advisedMs, LONGEST_ADVICE_MS) };
}
function closing(code, told, wasOpen, lastWords) {
  const advice = /reconnect_after_ms=(\d{1,9})/.exec(told);
  const unsaid = code !== 1006 ? `close code ${code}` : wasOpen ? "cut off" : "no connection";
  return endingOf(code, lastWords || !advice && told || unsaid, advice && Number(advice[1]));
}

// ../typescript/src/pulse.ts
var ANSWER_MS = 4e3;
var LATE_MS = 1e3;
var BETWEEN_MS = 2e3;
var MOST_ASKED = 3;
function pulseOf(silenceMs, ask, dead) {
  let timer;
  let heardAt = Date.now();
  let dueAt = 0;
  let askedAt = 0;
  let asked = 0;
  let isSuspect = false;
  const wait = (ms) => {
    clearTimeout(timer);
    dueAt = Date.now() + ms;
    timer = setTimeout(look, ms);
  };
  const look = () => {
    const now = Date.now();
    if (asked && (now - dueAt < LATE_MS || asked >= MOST_ASKED)) return dead();
    const left = Math.min(silenceMs, heardAt + silenceMs - now);
    if (left > 0 && !asked && !isSuspect) return wait(left);
    isSuspect = false;
    asked++;
    askedAt = now;
    wait(ANSWER_MS);
    ask();
  };
  wait(silenceMs);
  return {
    heard() {
      heardAt = Date.now();
      asked = 0;
    },
    expect(ms) {
      silenceMs = ms;
      if (!asked) wait(ms);
    },
    doubt() {
      const now = Date.now();
      if (asked && now < dueAt) return;
      asked = 0;
      isSuspect = true;
      wait(Math.min(BETWEEN_MS, Math.max(0, askedAt + BETWEEN_MS - now)));
    },
    stop: () => clearTimeout(timer)
  };
}

// ../typescript/src/connection.ts
var OPEN_MS = 1e4;
var SILENCE_MS = 3e4;
var LONGEST_SILENCE_MS = 864e5;
var FRESH_MS = 1e3;
function connect({ Socket, open }, since, diagnose, onMessage, onEnd) {
  const begunAt = Date.now();
  const leaving = new AbortController();
  let socket;
  let pulse;
  let timer;
  let lastWords = "";
  let isOver = false;
  const leave = () => {
    isOver = true;
    clearTimeout(timer);
    pulse?.stop();
    leaving.abort();
    socket?.close();
  };
  const end = (ending2) => {
    if (isOver) return;
    leave();
    onEnd(ending2, !!pulse);
  };
  const hurry = () => {
    clearTimeout(timer);
    timer = setTimeout(() => end({ reason: `no answer within ${OPEN_MS / 1e3} s` }), OPEN_MS);
  };
  const receive = (data) => {
    if (isOver) return;
    pulse?.heard();
    const told = read(data);
    if (!told) return end({ reason: "what came is no live message" });
    const { heartbeat_seconds: heartbeat, detail } = told;
    if (typeof heartbeat === "number" && heartbeat > 0) pulse?.expect(Math.min(2e3 * heartbeat, LONGEST_SILENCE_MS));
    if (typeof detail === "string") lastWords = detail;
    onMessage(told, data.length);
  };
  const hearIn = (mine) => {
    mine.addEventListener("error", () => {
    });
    mine.addEventListener("open", () => {
      if (isOver) return;
      clearTimeout(timer);
      pulse = pulseOf(
        SILENCE_MS,
        () => mine.send('{"type":"ping"}'),
        () => end({ reason: "nothing heard any more" })
      );
    });
    mine.addEventListener("message", (event) => receive(event.data));
    mine.addEventListener(
      "close",
      (event) => end(closing(event.code, event.reason, !!pulse, lastWords))
    );
  };
  hurry();
  open(since, diagnose, leaving.signal).then(
    (url) => {
      if (isOver) return;
      hurry();
      try {
        socket = new Socket(url);
      } catch (error) {
        return end({ reason: `${error}`, refusal: new LiveRefused("address", 0, `${error}`) });
      }
      hearIn(socket);
    },
    (error) => end(unopened(error))
  );
  return {
    doubt() {
      if (pulse) pulse.doubt();
      else if (Date.now() - begunAt > FRESH_MS) end({ reason: "no answer yet", advisedMs: 0 });
    },
    leave
  };
}
function unopened(error) {
  if (!(error instanceof TelemetraError)) return { reason: `${error}` };
  return endingOf(error.status, error.message, error.retryAfterSeconds && error.retryAfterSeconds * 1e3);
}
function read(data) {
  try {
    const told = JSON.parse(data);
    return typeof told?.type === "string" ? told : null;
  } catch {
    return null;
  }
}

// ../typescript/src/wake.ts
function onWake(awake, away) {
  const ending2 = new AbortController();
  const hear = (target, type, call) => target?.addEventListener?.(type, call, { signal: ending2.signal });
  const page2 = globalThis.document;
  hear(globalThis, "online", awake);
  hear(globalThis, "offline", away);
  hear(globalThis, "pageshow", (event) => event.persisted && awake());
  hear(page2, "visibilitychange", () => page2.visibilityState === "visible" && awake());
  hear(page2, "resume", awake);
  return () => ending2.abort();
}

// ../typescript/src/live.ts
var KNOWN = {
  connected: true,
  snapshot: true,
  metrics: true,
  moment: true,
  stream: true,
  removed: true,
  heartbeat: true,
  pong: true,
  error: true
};
var LiveStream = class {
  #following;
  constructor(door, since, handlers) {
    this.#following = following(door, since, handlers);
  }
  /** The position of the last message that was handed over (in `onMessage`: of this one); before that `since`. */
  get position() {
    return this.#following.position();
  }
  get status() {
    return this.#following.status();
  }
  /** Ends it for good: nothing is called after it. */
  close() {
    this.#following.close();
  }
};
function following(door, position, handlers) {
  let status = statusOf("connecting");
  let connection = null;
  let retry;
  let failures = 0;
  let diagnose = false;
  let isOver = false;
  const tell = (next) => {
    status = next;
    guarded(() => handlers.onStatus?.(next));
  };
  const begin = () => {
    clearTimeout(retry);
    connection = connect(door, position, diagnose, receive, ended);
    tell(statusOf("connecting", status.reason));
  };
  const receive = (told, characters) => {
    const { type, resumed } = told;
    if (typeof told.position === "string" && (type !== "connected" || resumed)) position = told.position;
    if (type === "connected") tell(statusOf("live"));
    else if (type !== "error") failures = 0;
    if (!isOver && Object.hasOwn(KNOWN, type)) guarded(() => handlers.onMessage(told, characters));
  };
  const ended = ({ reason, advisedMs = null, refusal }, wasOpen) => {
    connection = null;
    if (refusal) {
      finish();
      return tell(statusOf("closed", reason, null, refusal));
    }
    diagnose = !wasOpen;
    const delayMs = delayAfter(failures++, advisedMs);
    retry = setTimeout(begin, delayMs);
    tell(statusOf("waiting", reason, Date.now() + delayMs));
  };
  const finish = () => {
    isOver = true;
    unhear();
    clearTimeout(retry);
    connection?.leave();
  };
  const doubt = () => connection?.doubt();
  const unhear = onWake(() => {
    failures = 0;
    doubt();
    if (status.state === "waiting") begin();
  }, doubt);
  queueMicrotask(() => isOver || begin());
  return {
    position: () => position,
    status: () => status,
    close() {
      if (isOver) return;
      finish();
      status = statusOf("closed");
    }
  };
}
function statusOf(state, reason = null, retryAt = null, error = null) {
  return { state, retryAt, reason, error };
}
function guarded(call) {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

// ../typescript/src/paging.ts
async function readAnswer(ask, url, init) {
  return answerOf(await ask(url, init));
}
async function readPage(ask, url, init) {
  const response = await ask(url, init);
  const answer = await answerOf(response);
  const reference = nextIn(response.headers.get("Link") ?? "");
  if (!reference) return { ...answer, next: null };
  const following2 = new URL(reference, url);
  if (following2.origin !== new URL(url).origin) throw new TypeError(`A link leads to another server, ${following2.origin}.`);
  const position = answer.position ?? init?.position;
  return { ...answer, next: () => readPage(ask, following2.href, { ...init, position }) };
}
async function answerOf(response) {
  return { data: await bodyOf(response), position: response.headers.get("Telemetra-Position") };
}
function nextIn(header) {
  for (const [, target, parameters] of header.matchAll(/<([^>]*)>([^<]*)/g)) {
    if (/;\s*rel\s*=\s*"?([^";]*\s)?next\b/i.test(parameters ?? "")) return target;
  }
  return void 0;
}

// ../typescript/src/client.ts
var STREAMS = "/api/v1/streams";
var Telemetra = class {
  #at;
  #ask;
  #options;
  /** `baseUrl` is where the service is, with a path as a prefix; in a page it may be relative. Throws a TypeError for any other. */
  constructor(baseUrl, options = {}) {
    this.#at = addressOf(baseUrl);
    this.#ask = asking(options.fetch, options.token);
    this.#options = options;
  }
  /** Reads the streams, the most recently updated first. */
  async streams(query, init) {
    return readPage(this.#ask, this.#at(STREAMS, query), init);
  }
  /** Reads one stream's own row. */
  async stream(streamId, init) {
    return readAnswer(this.#ask, this.#at(`${STREAMS}/${segment(streamId)}`), init);
  }
  /** Reads windows, the newest first; with `start_time` and `end_time` those that begin in [start, end). */
  async metrics(streamId, query, init) {
    return readPage(this.#ask, this.#at(`${STREAMS}/${segment(streamId)}/metrics`, query), init);
  }
  /** Reads detected moments, the newest first. */
  async moments(streamId, query, init) {
    return readPage(this.#ask, this.#at(`${STREAMS}/${segment(streamId)}/moments`, query), init);
  }
  /** Follows a stream, from now on, through any number of connections. Throws a TypeError for an id that no URL can name. */
  live(streamId, options) {
    return this.#live(streamId, options.since, options);
  }
  /** The same as an async iterator. It connects when the first message is asked for, and throws a LiveRefused when it is over. */
  follow(streamId, options = {}) {
    return follow((since, handlers) => this.#live(streamId, since, handlers), options);
  }
  #live(streamId, since = null, handlers) {
    const path2 = `/ws/live/${segment(streamId)}`;
    const Socket = this.#options.WebSocket ?? globalThis.WebSocket;
    if (!Socket) throw new TypeError("There is no WebSocket here: give one as an option, such as that of the package ws.");
    const open = async (position, diagnose, signal) => {
      if (diagnose) {
        await this.stream(streamId, { signal }).catch((error) => {
          if (error.status === 401 || error.status === 403) throw error;
        });
      }
      const ticket = this.#options.token && await this.#ticket(signal);
      return this.#at(path2, { since: position, ticket }, true);
    };
    return new LiveStream({ Socket, open }, since, handlers);
  }
  /** Takes what stands in for a token, which no standard WebSocket can send. */
  async #ticket(signal) {
    const answer = await this.#ask(this.#at("/api/v1/live-tickets"), { signal }, "POST");
    return (await bodyOf(answer)).ticket;
  }
};

// src/data/retry.ts
var FIRST_SECONDS = 1;
var LONGEST_SECONDS = 30;
var Retry = class {
  #failures = 0;
  /** Return for how many milliseconds to wait after this failure. */
  after(error) {
    const doubled = Math.min(FIRST_SECONDS * 2 ** this.#failures, LONGEST_SECONDS);
    this.#failures += 1;
    const advised = error instanceof TelemetraError ? error.retryAfterSeconds : null;
    return 1e3 * (advised ?? doubled) * (1 + Math.random() / 2);
  }
  succeeded() {
    this.#failures = 0;
  }
};
function isPassing(error) {
  return !(error instanceof TelemetraError) || error.status === 0 || error.status === 429 || error.status >= 500;
}

// src/faults.ts
function faultOf(error) {
  if (!(error instanceof TelemetraError)) {
    return navigator.onLine ? { kind: "passing", title: "The service can't be reached", detail: "It is tried again by itself." } : { kind: "passing", title: "You are offline", detail: "It goes on when the network is back." };
  }
  const detail = error.problem?.detail ?? error.message;
  switch (error.status) {
    case 401:
      return { kind: "token", title: "A token is needed", detail };
    case 403:
      return { kind: "denied", title: "This token is not for that", detail };
    case 404:
      return { kind: "unknown", title: "There is no such stream", detail };
    case 429:
      return { kind: "passing", title: "Too many requests", detail: "It is tried again in a while." };
    case 503:
      return { kind: "passing", title: "The service is not available right now", detail };
    default:
      return { kind: error.status >= 500 ? "passing" : "other", title: `The service answered ${error.status}`, detail };
  }
}

// src/shell/trouble.ts
var UNKNOWN_RETRY_MILLISECONDS = 1e4;
var Trouble = class {
  constructor(askForToken, signal) {
    this.askForToken = askForToken;
    this.signal = signal;
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }
  askForToken;
  signal;
  element = element("div", { class: "notice-place" });
  #retry = new Retry();
  #timer;
  #told = null;
  #again = null;
  /** Tell a failure, in other words where `inWords` has some; `again` is called for another try. */
  failed(error, again, inWords = (fault) => fault.detail) {
    if (this.signal.aborted) {
      return;
    }
    const fault = faultOf(error);
    if (fault.kind === "token") {
      this.askForToken();
      return;
    }
    clearTimeout(this.#timer);
    if (isPassing(error)) {
      this.#timer = setTimeout(again, this.#retry.after(error));
    } else if (fault.kind === "unknown") {
      this.#timer = setTimeout(again, UNKNOWN_RETRY_MILLISECONDS);
    }
    this.tell(fault.title, inWords(fault), () => {
      clearTimeout(this.#timer);
      again();
    });
  }
  tell(title, detail, again = null) {
    this.#again = again;
    const told = `${title} ${detail} ${again !== null}`;
    if (told === this.#told) {
      return;
    }
    const retry = again && button("Try again", () => this.#again?.());
    this.show(
      element("div", { class: "notice", role: "alert" }, element("h2", {}, title), element("p", {}, detail), retry)
    );
    this.#told = told;
  }
  /** Show something else in the same place; null: nothing. */
  show(notice) {
    this.#told = null;
    fill(this.element, notice);
  }
  /** All is well again. */
  passed() {
    clearTimeout(this.#timer);
    this.#retry.succeeded();
    this.show(null);
  }
};

// src/timing.ts
function framed(work, signal) {
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
function settled(work, milliseconds, signal, longest = 10 * milliseconds) {
  let timer;
  let began = null;
  const run = () => {
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
function everySeen(milliseconds, work, signal) {
  let last = performance.now();
  const look = () => {
    if (!document.hidden && performance.now() - last >= milliseconds * 0.95) {
      last = performance.now();
      work();
    }
  };
  const timer = setInterval(look, milliseconds);
  document.addEventListener("visibilitychange", look, { signal });
  signal.addEventListener("abort", () => clearInterval(timer));
}

// src/streams/few-at-a-time.ts
var FewAtATime = class {
  constructor(most) {
    this.most = most;
  }
  most;
  #waiting = [];
  #running = 0;
  add(task) {
    this.#waiting.push(task);
    this.#start();
  }
  #start() {
    while (this.#running < this.most) {
      const task = this.#waiting.shift();
      if (!task) {
        return;
      }
      this.#running += 1;
      void task().finally(() => {
        this.#running -= 1;
        this.#start();
      });
    }
  }
};

// src/routes.ts
var STREAM = "#/streams/";
var LONGEST_BYTES = 512;
function routeOf(hash) {
  if (hash.startsWith(STREAM) && hash.length > STREAM.length) {
    try {
      return { page: "stream", streamId: decodeURIComponent(hash.slice(STREAM.length)) };
    } catch {
    }
  }
  return { page: "streams" };
}
function hashOf(route) {
  return route.page === "stream" ? STREAM + encodeURIComponent(route.streamId) : "#/";
}
function whyUnnameable(streamId) {
  if (streamId === "") {
    return "Its id is empty.";
  }
  if (streamId === "." || streamId === "..") {
    return "Browsers take its id for a folder.";
  }
  return new TextEncoder().encode(streamId).length > LONGEST_BYTES ? `Its id is longer than ${LONGEST_BYTES} bytes.` : null;
}

// src/streams/list-words.ts
function rowHeadings() {
  const names = ["Stream", "Chat rate", "Chat/s", "Viewers", "Chatters", "Sentiment", "Active"];
  return element("div", { class: "row-headings", "aria-hidden": "true" }, ...names.map((name) => element("span", {}, name)));
}
function howToBegin() {
  return element(
    "div",
    { class: "notice" },
    element("h2", {}, "No streams yet"),
    element("p", {}, "Streams appear here as soon as something writes them. Load a chat log:"),
    element("pre", {}, 'telemetra replay chat.jsonl --stream mychannel --title "My channel"'),
    element("p", {}, "or start the service with a simulated stream:"),
    element("pre", {}, "telemetra serve --demo")
  );
}
function nothingFound(text) {
  const isId = whyUnnameable(text) === null;
  return element(
    "div",
    { class: "notice" },
    element("h2", {}, "No stream has this in its title or id"),
    isId && element("p", {}, element("a", { href: hashOf({ page: "stream", streamId: text }) }, "Open the stream with exactly this id"))
  );
}

// src/chart/columns.ts
var HOLE = 1.5;
var DEFAULT_STEP = 6e4;
function columnsOf(all, wanted) {
  const lengths = lengthsOf(all);
  const length = wanted !== null && lengths.includes(wanted) ? wanted : lengths[0] ?? null;
  const windows = length === null || lengths.length === 0 ? all : all.filter((one) => one.until - one.at === length);
  const step = stepOf(windows) ?? length ?? DEFAULT_STEP;
  const count2 = windows.length;
  const at = new Float64Array(count2);
  const joined = new Uint8Array(count2);
  const values = {
    rate: new Float64Array(count2),
    viewers: new Float64Array(count2),
    chatters: new Float64Array(count2),
    sentiment: new Float64Array(count2)
  };
  for (let index = 0; index < count2; index += 1) {
    const window = windows[index];
    at[index] = window.at;
    joined[index] = index > 0 && window.at - windows[index - 1].at <= step * HOLE ? 1 : 0;
    values.rate[index] = window.rate ?? NaN;
    values.viewers[index] = window.viewers ?? NaN;
    values.chatters[index] = window.chatters;
    values.sentiment[index] = window.sentiment ?? NaN;
  }
  return { windows, at, joined, values, step, lengths, length };
}
function indexAt(columns, at) {
  let low = 0;
  let high = columns.at.length;
  while (low < high) {
    const middle = low + high >> 1;
    if (columns.at[middle] < at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
function indexNear(columns, at) {
  const after = indexAt(columns, at);
  const before2 = after - 1;
  if (after === columns.at.length || before2 < 0) {
    return after === columns.at.length ? before2 : after;
  }
  return at - columns.at[before2] <= columns.at[after] - at ? before2 : after;
}
function extent(values, first, last) {
  let lowest = Infinity;
  let highest = -Infinity;
  for (let index = first; index < last; index += 1) {
    const value = values[index];
    if (value < lowest) {
      lowest = value;
    }
    if (value > highest) {
      highest = value;
    }
  }
  return [lowest, highest];
}
function holesIn(columns, first, last) {
  let holes = 0;
  for (let index = first + 1; index < last; index += 1) {
    holes += columns.joined[index] ? 0 : 1;
  }
  return holes;
}

// src/format.ts
var NONE = "–";
var whole = new Intl.NumberFormat(void 0, { maximumFractionDigits: 0 });
var three = new Intl.NumberFormat(void 0, { maximumSignificantDigits: 3 });
var two = new Intl.NumberFormat(void 0, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
var signed = new Intl.NumberFormat(void 0, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
  signDisplay: "exceptZero"
});
var short = new Intl.NumberFormat(void 0, { notation: "compact", maximumSignificantDigits: 3 });
var ago = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });
function orNone(format) {
  return (value) => value === null || value === void 0 || !Number.isFinite(value) ? NONE : format(value);
}
var count = orNone((value) => whole.format(value));
var rate = orNone((value) => Math.abs(value) < 10 ? two.format(value) : three.format(value));
var sentiment = orNone((value) => signed.format(value));
var axis = orNone((value) => Math.abs(value) >= 1e4 ? short.format(value) : three.format(value));
var UNITS = [
  ["year", 365.25 * 86400],
  ["month", 30.4375 * 86400],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1]
];
function timeAgo(at, now) {
  const seconds = Math.abs(now - at) / 1e3;
  if (seconds < 1) {
    return "now";
  }
  const [unit, length] = UNITS.find(([, one]) => seconds >= one) ?? ["second", 1];
  const count2 = Math.floor(seconds / length);
  return ago.format(now < at ? count2 : -count2, unit);
}
function ending(at, until, now) {
  if (until - now < 1e3) {
    return `ended ${timeAgo(until, now)}`;
  }
  return at <= now ? "still open" : `ends ${timeAgo(until, now)}`;
}
function duration(milliseconds) {
  const seconds = milliseconds / 1e3;
  if (seconds < 60) {
    return `${three.format(seconds)} s`;
  }
  if (seconds < 3600) {
    return `${three.format(seconds / 60)} min`;
  }
  return seconds < 86400 * 2 ? `${three.format(seconds / 3600)} h` : `${three.format(seconds / 86400)} days`;
}

// src/chart/trace.ts
var Polyline = class {
  #points = new Float32Array(1024);
  length = 0;
  add(x, y) {
    if (this.length * 2 === this.#points.length) {
      const larger = new Float32Array(this.#points.length * 2);
      larger.set(this.#points);
      this.#points = larger;
    }
    this.#points[this.length * 2] = x;
    this.#points[this.length * 2 + 1] = y;
    this.length += 1;
  }
  x(index) {
    return this.#points[index * 2];
  }
  y(index) {
    return this.#points[index * 2 + 1];
  }
};
function trace(columns, values, first, last, projection, line, draw) {
  const { from, pixelsPerMillisecond, left, top, high, pixelsPerUnit, density } = projection;
  const { at, joined } = columns;
  let column = NaN;
  let [x, enter, low, peak, leave, count2] = [0, 0, 0, 0, 0, 0];
  const y = (value) => top + (high - value) * pixelsPerUnit;
  const endColumn = () => {
    if (count2 > 0) {
      line.add(x, y(enter));
    }
    if (count2 > 1) {
      const [one, other] = leave > enter ? [low, peak] : [peak, low];
      line.add(x, y(one));
      line.add(x, y(other));
      line.add(x, y(leave));
    }
    count2 = 0;
    column = NaN;
  };
  const endLine = () => {
    endColumn();
    if (line.length > 0) {
      draw(line);
    }
    line.length = 0;
  };
  line.length = 0;
  for (let index = first; index < last; index += 1) {
    const value = values[index];
    if (!joined[index] || value !== value) {
      endLine();
      if (value !== value) {
        continue;
      }
    }
    const here = left + (at[index] - from) * pixelsPerMillisecond;
    const itsColumn = Math.floor(here * density);
    if (itsColumn === column) {
      count2 += 1;
      low = Math.min(low, value);
      peak = Math.max(peak, value);
      leave = value;
    } else {
      endColumn();
      [column, x, enter, low, peak, leave, count2] = [itsColumn, here, value, value, value, value, 1];
    }
  }
  endLine();
}

// src/streams/sparkline.ts
var WIDTH = 160;
var HEIGHT = 32;
var SPACE = "http://www.w3.org/2000/svg";
function sparkline(windows) {
  const picture = document.createElementNS(SPACE, "svg");
  picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("aria-hidden", "true");
  picture.setAttribute("class", "sparkline");
  const columns = columnsOf(windows, null);
  const count2 = columns.windows.length;
  const [, highest] = extent(columns.values.rate, 0, count2);
  if (!(highest >= 0)) {
    return picture;
  }
  const from = columns.at[0];
  const span = Math.max(columns.at[count2 - 1] - from, columns.step);
  const projection = {
    from,
    pixelsPerMillisecond: (WIDTH - 4) / span,
    left: 2,
    top: 2,
    high: highest || 1,
    pixelsPerUnit: (HEIGHT - 4) / (highest || 1),
    density: 1
  };
  let [line, area] = ["", ""];
  trace(columns, columns.values.rate, 0, count2, projection, new Polyline(), (points) => {
    const places = Array.from({ length: points.length }, (_, index) => `${points.x(index).toFixed(1)} ${points.y(index).toFixed(1)}`);
    line += `M${places.join("L")}`;
    if (points.length === 1) {
      line += "h.1";
    } else {
      area += `M${points.x(0).toFixed(1)} ${HEIGHT - 2}L${places.join("L")}V${HEIGHT - 2}Z`;
    }
  });
  picture.append(path(area, "sparkline-area"), path(line, "sparkline-line"));
  return picture;
}
function path(d, name) {
  const made = document.createElementNS(SPACE, "path");
  made.setAttribute("d", d);
  made.setAttribute("class", name);
  return made;
}

// src/streams/stream-row.ts
var StreamRow = class {
  constructor(stream, zone) {
    this.stream = stream;
    this.zone = zone;
    const why = whyUnnameable(stream.stream_id);
    const names = element("span", { class: "row-names" }, this.#title, this.#id);
    const rest = [this.#picture, this.#rate, this.#viewers, this.#chatters, this.#sentiment].map(
      (one) => one instanceof HTMLElement ? one : one.element
    );
    const content = [names, ...rest, this.#activity];
    const href = hashOf({ page: "stream", streamId: stream.stream_id });
    this.element = element(
      "li",
      { class: "row" },
      why === null ? element("a", { class: "row-link", href }, ...content) : element("div", { class: "row-link", title: `${why} It can't be opened here.` }, ...content)
    );
    this.tell(stream);
  }
  stream;
  zone;
  element;
  #title = element("span", { class: "row-title" });
  #id = element("span", { class: "row-id" });
  #activity = element("span", { class: "row-activity" });
  #picture = element("span", { class: "row-picture" });
  #rate = figure("Chat rate", "messages a second");
  #viewers = figure("Viewers");
  #chatters = figure("Chatters");
  #sentiment = figure("Sentiment");
  #windows = null;
  get streamId() {
    return this.stream.stream_id;
  }
  /** Whether the list should ask for its windows. */
  get canBeRead() {
    return whyUnnameable(this.streamId) === null;
  }
  /** Take the stream's own row. */
  tell(stream) {
    this.stream = stream;
    fill(this.#title, foreign(stream.title?.trim() || stream.stream_id || "(no id)"));
    fill(this.#id, foreign(stream.stream_id || "(empty)"));
    this.#id.hidden = !stream.title?.trim();
    this.age(Date.now());
  }
  /** Take its newest windows, the oldest first. */
  tellWindows(windows) {
    this.#windows = windows;
    const { windows: drawn } = columnsOf(windows, null);
    const last = drawn.at(-1);
    fill(this.#picture, sparkline(windows));
    this.#rate.show(rate(last?.rate));
    this.#viewers.show(count(last?.viewers));
    this.#chatters.show(count(last?.chatters));
    this.#sentiment.show(sentiment(last?.sentiment));
    this.age(Date.now());
  }
  matches(words) {
    const text = `${this.stream.title ?? ""}
${this.stream.stream_id}`.toLowerCase();
    return words.every((word) => text.includes(word));
  }
  /** Say anew how long ago it did something. */
  age(now) {
    const last = this.#windows?.at(-1);
    const at = last?.until ?? Date.parse(this.stream.updated_at);
    const isAlive = last !== void 0 && isOfNow(last, now);
    this.element.classList.toggle("is-alive", isAlive);
    setText(this.#activity, isAlive ? "live" : timeAgo(at, now));
    const what = last ? `Newest window ${at > now ? "ends" : "ended"}` : "Last touched";
    this.#activity.title = `${what} ${this.zone().dayAndTime(at)}`;
  }
};
function figure(label, unit = "") {
  const value = element("span", { class: "figure-value" }, "…");
  return {
    element: element("span", { class: "row-figure", title: unit || null }, element("span", { class: "row-label" }, label), value),
    show: (text) => setText(value, text)
  };
}

// src/streams/stream-rows.ts
var NEAR_PIXELS = "200px";
var StreamRows = class {
  constructor(zone, cameIntoView, signal) {
    this.zone = zone;
    this.cameIntoView = cameIntoView;
    this.#seen = new IntersectionObserver((entries) => this.#scrolled(entries), { rootMargin: NEAR_PIXELS });
    signal.addEventListener("abort", () => this.#seen.disconnect());
  }
  zone;
  cameIntoView;
  element = element("ul", { class: "rows", "aria-label": "Streams" });
  inView = /* @__PURE__ */ new Set();
  #byId = /* @__PURE__ */ new Map();
  #byElement = /* @__PURE__ */ new WeakMap();
  #seen;
  get size() {
    return this.#byId.size;
  }
  /** Take streams that were read: new ones go to the end. */
  take(streams) {
    for (const stream of streams) {
      const known = this.#byId.get(stream.stream_id);
      if (known) {
        known.tell(stream);
        continue;
      }
      const row = new StreamRow(stream, this.zone);
      this.#byId.set(stream.stream_id, row);
      this.#byElement.set(row.element, row);
      this.element.append(row.element);
      this.#seen.observe(row.element);
    }
  }
  /** Let go of all others. */
  keepOnly(streams) {
    const named = new Set(streams.map((stream) => stream.stream_id));
    for (const [id, row] of this.#byId) {
      if (!named.has(id)) {
        this.#byId.delete(id);
        this.inView.delete(row);
        this.#seen.unobserve(row.element);
        row.element.remove();
      }
    }
  }
  /** Put these first, in their order. While somebody is at a row nothing moves: it would lose the focus. */
  order(streams) {
    if (this.element.contains(document.activeElement)) {
      return;
    }
    const wanted = streams.flatMap((stream) => this.#byId.get(stream.stream_id)?.element ?? []);
    wanted.forEach((row, index) => {
      const there = this.element.children[index];
      if (there !== row) {
        this.element.insertBefore(row, there ?? null);
      }
    });
  }
  /** Show those that have all words of a text in their title or id, and return how many these are. */
  search(text) {
    const words = text.toLowerCase().split(/\s+/);
    let shown2 = 0;
    for (const row of this.#byId.values()) {
      row.element.hidden = text !== "" && !row.matches(words);
      shown2 += row.element.hidden ? 0 : 1;
    }
    return shown2;
  }
  #scrolled(entries) {
    for (const entry of entries) {
      const row = this.#byElement.get(entry.target);
      if (!row) {
        continue;
      }
      if (!entry.isIntersecting) {
        this.inView.delete(row);
      } else if (!this.inView.has(row)) {
        this.inView.add(row);
        this.cameIntoView(row);
      }
    }
  }
};

// src/streams/list-page.ts
var PAGE = 200;
var MOST_A_PAGE = 500;
var MOST_SEARCHED = 1e4;
var SPARKLINE_WINDOWS = 60;
var READ_AT_ONCE = 4;
var REFRESH_MILLISECONDS = 12e3;
var ListPage = class {
  constructor(shell2, signal) {
    this.shell = shell2;
    this.signal = signal;
    this.#rows = new StreamRows(() => shell2.zone.zone, (row) => this.#read(row), signal);
    this.#trouble = new Trouble(() => shell2.askForToken(), signal);
    this.#more = button("Show more", () => void this.#readMore(), { hidden: true });
    this.element = element(
      "div",
      { class: "page" },
      element(
        "div",
        { class: "page-head" },
        element("h1", { tabindex: -1 }, this.title),
        this.#count,
        element("div", { class: "search" }, this.#search)
      ),
      this.#trouble.element,
      element("div", { class: "card" }, rowHeadings(), this.#rows.element),
      this.#more
    );
    this.#search.addEventListener("input", settled(() => void this.#searchAll(), 150, signal), { signal });
    everySeen(REFRESH_MILLISECONDS, () => void this.#refresh(), signal);
    everySeen(1e3, () => this.#age(), signal);
    shell2.zone.onChange(() => this.#age(), signal);
  }
  shell;
  signal;
  title = "Streams";
  element;
  #rows;
  #trouble;
  #reads = new FewAtATime(READ_AT_ONCE);
  #count = element("p", { class: "quiet", role: "status" }, "Loading…");
  #search = element("input", { type: "search", placeholder: "Title or id", "aria-label": "Search the streams" });
  #more;
  #next = null;
  #isReading = false;
  async open() {
    await this.#reading(async () => {
      const page2 = await this.shell.session.client.streams({ limit: PAGE }, { signal: this.signal });
      this.#next = page2.next;
      this.#rows.take(page2.data);
    });
  }
  /** Read, one thing at a time, and show what goes wrong. */
  async #reading(read2) {
    if (this.#isReading) {
      return;
    }
    this.#isReading = true;
    try {
      await read2();
      this.#trouble.passed();
      this.#show();
    } catch (error) {
      this.#trouble.failed(error, () => void this.#reading(read2));
      if (this.#rows.size === 0) {
        setText(this.#count, "");
        this.element.classList.add("is-empty");
      }
    } finally {
      this.#isReading = false;
    }
  }
  async #readMore() {
    const next = this.#next;
    if (next) {
      await this.#reading(async () => {
        const page2 = await next();
        this.#next = page2.next;
        this.#rows.take(page2.data);
      });
    }
  }
  /** Read the newest again: titles, and streams that are new or have moved up. */
  async #refresh() {
    await this.#reading(async () => {
      const known = this.#rows.size;
      const limit = Math.min(Math.max(PAGE, known), MOST_A_PAGE);
      const page2 = await this.shell.session.client.streams({ limit }, { signal: this.signal });
      this.#rows.take(page2.data);
      if (!page2.next) {
        this.#next = null;
        this.#rows.keepOnly(page2.data);
      } else if (page2.data.length >= known) {
        this.#next ??= page2.next;
      }
      this.#rows.order(page2.data);
    });
    for (const row of this.#rows.inView) {
      this.#read(row);
    }
  }
  #read(row) {
    if (!row.canBeRead) {
      return;
    }
    this.#reads.add(async () => {
      if (!this.#rows.inView.has(row) || this.signal.aborted) {
        return;
      }
      try {
        const { client } = this.shell.session;
        const page2 = await client.metrics(row.streamId, { limit: SPARKLINE_WINDOWS }, { signal: this.signal });
        row.tellWindows(page2.data.map(windowOf).toReversed());
      } catch {
      }
    });
  }
  async #searchAll() {
    this.#show();
    while (this.#search.value.trim() && this.#next && this.#rows.size < MOST_SEARCHED) {
      const before2 = this.#next;
      await this.#readMore();
      if (this.#next === before2) {
        break;
      }
    }
  }
  #show() {
    const text = this.#search.value.trim();
    const shown2 = this.#rows.search(text);
    const { size } = this.#rows;
    const all = `${size}${this.#next ? "+" : ""} ${size === 1 && !this.#next ? "stream" : "streams"}`;
    setText(this.#count, text ? `${shown2} of ${all}` : all);
    this.#more.hidden = this.#next === null || text !== "";
    this.element.classList.toggle("is-empty", shown2 === 0);
    this.#trouble.show(size === 0 ? howToBegin() : shown2 === 0 ? nothingFound(text) : null);
  }
  #age() {
    const now = Date.now();
    for (const row of this.#rows.inView) {
      row.age(now);
    }
  }
};

// src/preferences.ts
var PREFIX = "telemetra.";
function recall(storage, name) {
  try {
    return storage().getItem(PREFIX + name);
  } catch {
    return null;
  }
}
function remember(storage, name, value) {
  try {
    if (value === null) {
      storage().removeItem(PREFIX + name);
    } else {
      storage().setItem(PREFIX + name, value);
    }
  } catch {
  }
}
var lasting = () => localStorage;
var untilTheTabCloses = () => sessionStorage;

// src/session.ts
var BASE = new URL("./", document.baseURI);
var TOKEN = `token ${BASE.pathname}`;
var Session = class {
  #token = recall(untilTheTabCloses, TOKEN);
  #client = this.#made();
  get client() {
    return this.#client;
  }
  get token() {
    return this.#token;
  }
  /** Ask with another token from now on; null: with none. It is kept until the tab is closed. */
  use(token) {
    this.#token = token;
    remember(untilTheTabCloses, TOKEN, token);
    this.#client = this.#made();
  }
  /** The address of something of the service, such as `api/v1/streams`. */
  address(path2) {
    return new URL(path2, BASE).href;
  }
  #made() {
    return new Telemetra(BASE, this.#token ? { token: this.#token } : {});
  }
};

// src/shell/announcer.ts
var PAUSE_MILLISECONDS = 150;
var Announcer = class {
  element = element("div", { class: "for-ears", role: "status", "aria-live": "polite" });
  #timer;
  say(text) {
    clearTimeout(this.#timer);
    this.element.textContent = "";
    this.#timer = setTimeout(() => {
      this.element.textContent = text;
    }, PAUSE_MILLISECONDS);
  }
};

// src/shell/shortcuts.ts
var LISTED = [
  [
    "Anywhere",
    [
      ["?", "this list"],
      ["/", "search the streams"],
      ["g", "all streams"],
      ["t", "system, light or dark colours"],
      ["u", "local time or UTC"],
      ["Esc", "back from a moment"]
    ]
  ],
  [
    "In the charts, once they have the focus",
    [
      ["← →", "move in time"],
      ["Page Up, Page Down", "move by a whole view"],
      ["+ −", "show less or more time"],
      ["Home, End", "the oldest windows that are loaded, the newest"],
      ["Shift ← →", "read one window after the other"]
    ]
  ],
  [
    "With a pointer",
    [
      ["drag, swipe", "move in time"],
      ["Ctrl wheel, pinch, double click", "show less or more time"],
      ["press a mark", "its moment"]
    ]
  ]
];
var Shortcuts = class {
  #actions = /* @__PURE__ */ new Map();
  #switch = element("input", { type: "checkbox", id: "single-keys" });
  dialog;
  constructor() {
    this.#switch.checked = recall(lasting, "keys") !== "off";
    this.#switch.addEventListener("change", () => remember(lasting, "keys", this.#switch.checked ? null : "off"));
    this.dialog = element(
      "dialog",
      { class: "dialog", "aria-labelledby": "keys-title" },
      element("h2", { id: "keys-title" }, "Keys and gestures"),
      ...(matchMedia("(pointer: coarse)").matches ? LISTED.toReversed() : LISTED).map(
        ([title, keys]) => element(
          "section",
          {},
          element("h3", {}, title),
          element("dl", {}, ...keys.flatMap(([key, does]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, does)]))
        )
      ),
      element("label", { class: "check", for: "single-keys" }, this.#switch, "Single keys, such as g and /, are shortcuts"),
      element("div", { class: "dialog-foot" }, button("Close", () => this.dialog.close(), { class: "primary" }))
    );
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) {
        this.dialog.close();
      }
    });
    this.on("?", () => this.show());
    document.addEventListener("keydown", (event) => this.#heard(event));
  }
  on(key, act) {
    this.#actions.set(key, act);
  }
  show() {
    if (!this.dialog.open) {
      this.dialog.showModal();
    }
  }
  #heard(event) {
    const isTyping = event.target instanceof HTMLElement && event.target.matches("input:not([type=checkbox]), textarea, select");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || this.dialog.open || !this.#switch.checked) {
      return;
    }
    const act = this.#actions.get(event.key);
    if (act) {
      event.preventDefault();
      act();
    }
  }
};

// src/shell/theme.ts
var ORDER = ["system", "light", "dark"];
var dark = matchMedia("(prefers-color-scheme: dark)");
var ThemeChoice = class {
  #theme;
  #heard = /* @__PURE__ */ new Set();
  constructor() {
    const kept = recall(lasting, "theme");
    this.#theme = ORDER.find((one) => one === kept) ?? "system";
    this.#apply();
    dark.addEventListener("change", () => this.#tell());
  }
  get theme() {
    return this.#theme;
  }
  /** Take the next of system, light and dark. */
  turn() {
    this.#theme = ORDER[(ORDER.indexOf(this.#theme) + 1) % ORDER.length];
    remember(lasting, "theme", this.#theme === "system" ? null : this.#theme);
    this.#apply();
    this.#tell();
  }
  /** Have `changed` called when colours are others. */
  onChange(changed, signal) {
    this.#heard.add(changed);
    signal.addEventListener("abort", () => this.#heard.delete(changed));
  }
  #apply() {
    if (this.#theme === "system") {
      delete document.documentElement.dataset["theme"];
    } else {
      document.documentElement.dataset["theme"] = this.#theme;
    }
  }
  #tell() {
    for (const changed of this.#heard) {
      changed();
    }
  }
};

// src/shell/token-form.ts
function tokenForm(refused, given) {
  const input = element("input", {
    type: "password",
    id: "token",
    name: "token",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "token-hint",
    "aria-invalid": refused ? "true" : null
  });
  const form = element(
    "form",
    { class: "notice token-form" },
    element("h2", {}, refused ? "This token is not known here" : "A token is needed"),
    element(
      "p",
      { id: "token-hint" },
      "Whoever runs this service makes one with ",
      element("code", {}, "telemetra token"),
      ". It is kept in this tab until you close it, and sent to nobody else."
    ),
    element("label", { for: "token" }, "Token"),
    element("div", { class: "field" }, input, element("button", { type: "submit", class: "primary" }, "Use it"))
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const token = input.value.trim();
    if (token) {
      given(token);
    }
  });
  return { element: form, focus: () => input.focus() };
}

// src/zone.ts
var UTC_ITSELF = /^(Etc\/)?(UTC|UCT|Universal|Zulu|GMT|GMT[+-]?0|Greenwich)$/;
var NAMELESS = new RegExp(`${UTC_ITSELF.source}|^Etc/GMT|^[+-]`);
var Zone = class {
  constructor(name) {
    this.name = name;
    this.#isUtc = name === "utc";
    const zone = this.#isUtc ? { timeZone: "UTC" } : {};
    const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    this.#time = new Intl.DateTimeFormat(void 0, { ...zone, ...clock });
    this.#timeWithSeconds = new Intl.DateTimeFormat(void 0, { ...zone, ...clock, second: "2-digit" });
    this.#day = new Intl.DateTimeFormat(void 0, { ...zone, weekday: "short", day: "numeric", month: "short" });
    this.#dayWithYear = new Intl.DateTimeFormat(void 0, { ...zone, day: "numeric", month: "short", year: "numeric" });
    this.#month = new Intl.DateTimeFormat(void 0, { ...zone, month: "short", year: "numeric" });
  }
  name;
  #isUtc;
  #time;
  #timeWithSeconds;
  #day;
  #dayWithYear;
  #month;
  time(at) {
    return this.#time.format(at);
  }
  timeWithSeconds(at) {
    return this.#timeWithSeconds.format(at);
  }
  day(at) {
    return this.#day.format(at);
  }
  dayWithYear(at) {
    return this.#dayWithYear.format(at);
  }
  month(at) {
    return this.#month.format(at);
  }
  /** Day and time, for a place where neither is clear from what is around it. */
  dayAndTime(at) {
    return `${this.dayWithYear(at)}, ${this.time(at)}`;
  }
  /** What the zone is called at an instant, such as `Europe/Berlin (GMT+2)`. */
  label(at) {
    if (this.#isUtc) {
      return "UTC";
    }
    const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
    const offset = this.offset(at);
    return !timeZone || NAMELESS.test(timeZone) ? offset : `${timeZone} (${offset})`;
  }
  /** How far the zone is from UTC at an instant, such as `GMT+2`; `UTC` where it is UTC itself, by whatever name. */
  offset(at) {
    const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
    if (this.#isUtc || !timeZone || UTC_ITSELF.test(timeZone)) {
      return "UTC";
    }
    const parts = new Intl.DateTimeFormat("en", { timeZoneName: "shortOffset" }).formatToParts(at);
    return parts.find((part) => part.type === "timeZoneName")?.value ?? "UTC";
  }
  dayOf(at) {
    const date = new Date(at);
    return this.#isUtc ? { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate() } : { year: date.getFullYear(), month: date.getMonth(), day: date.getDate() };
  }
  /** The first instant of a day; days and months out of range count on into the next or the last ones. */
  startOf({ year, month, day }) {
    const date = /* @__PURE__ */ new Date(0);
    if (this.#isUtc) {
      date.setUTCFullYear(year, month, day);
      return date.setUTCHours(0, 0, 0, 0);
    }
    date.setFullYear(year, month, day);
    return date.setHours(0, 0, 0, 0);
  }
};

// src/shell/zone-choice.ts
var ZoneChoice = class {
  #zone = new Zone(recall(lasting, "zone") === "utc" ? "utc" : "local");
  #heard = /* @__PURE__ */ new Set();
  get zone() {
    return this.#zone;
  }
  turn() {
    this.#zone = new Zone(this.#zone.name === "utc" ? "local" : "utc");
    remember(lasting, "zone", this.#zone.name === "utc" ? "utc" : null);
    for (const changed of this.#heard) {
      changed();
    }
  }
  /** Have `changed` called when times are shown differently. */
  onChange(changed, signal) {
    this.#heard.add(changed);
    signal.addEventListener("abort", () => this.#heard.delete(changed));
  }
};

// src/shell/shell.ts
var never = new AbortController().signal;
var THEMES = { system: "Colours: system", light: "Colours: light", dark: "Colours: dark" };
var THEME_SIGNS = { system: "◐", light: "☀", dark: "☾" };
var Shell = class {
  /** `restart` shows the page anew; `leave` ends it, as somebody is about to be asked something in its place. */
  constructor(session, restart, leave) {
    this.session = session;
    this.restart = restart;
    this.leave = leave;
    this.#service = document.title;
    this.#forget = button("Forget the token", () => this.#useToken(null), { class: "plain" });
    this.#build();
    this.#shortcuts.on("g", () => location.hash = "#/");
    this.#shortcuts.on("t", () => this.theme.turn());
    this.#shortcuts.on("u", () => this.zone.turn());
    this.#shortcuts.on("/", () => this.#search());
  }
  session;
  restart;
  leave;
  announcer = new Announcer();
  theme = new ThemeChoice();
  zone = new ZoneChoice();
  #shortcuts = new Shortcuts();
  #main = element("main", { id: "main", tabindex: -1 });
  #forget;
  #service;
  /** Show a page, name it, and begin reading at its heading. */
  show(page2, title) {
    fill(this.#main, page2);
    this.name(title);
    this.#forget.hidden = this.session.token === null;
    scrollTo(0, 0);
    this.#main.querySelector("h1")?.focus({ preventScroll: true });
  }
  name(title) {
    document.title = title === this.#service ? title : `${title} · ${this.#service}`;
  }
  /** Ask for a token in place of the page. */
  askForToken() {
    this.leave();
    const form = tokenForm(this.session.token !== null, (token) => this.#useToken(token));
    fill(this.#main, element("h1", { class: "for-ears" }, this.#service), form.element);
    this.#forget.hidden = this.session.token === null;
    form.focus();
  }
  #useToken(token) {
    this.session.use(token);
    this.restart();
  }
  #search() {
    const field = document.querySelector("input[type=search]");
    if (field) {
      field.focus();
    } else {
      location.hash = "#/";
    }
  }
  /** Where what is shown here is documented for programs. */
  #foot() {
    const link = (path2, text) => element("a", { href: this.session.address(path2) }, text);
    return element(
      "footer",
      { class: "foot quiet" },
      "For programs: ",
      link("docs", "REST API"),
      " · ",
      link("asyncapi", "Live updates")
    );
  }
  #build() {
    const zone = button("", () => this.zone.turn(), { class: "plain zone" });
    const showZone = () => {
      const name = this.zone.zone.label(Date.now());
      fill(
        zone,
        element("span", { class: "zone-name" }, name),
        element("span", { class: "zone-offset" }, this.zone.zone.offset(Date.now()))
      );
      zone.setAttribute("aria-label", `Times in ${name}. Change between local time and UTC`);
      zone.title = "Local time or UTC";
    };
    const theme = button("", () => this.theme.turn(), { class: "plain sign" });
    const showTheme = () => {
      setText(theme, THEME_SIGNS[this.theme.theme]);
      theme.setAttribute("aria-label", `${THEMES[this.theme.theme]}. Change`);
      theme.title = THEMES[this.theme.theme];
    };
    showZone();
    showTheme();
    this.zone.onChange(showZone, never);
    theme.addEventListener("click", showTheme);
    this.theme.onChange(showTheme, never);
    const keys = button("Keys and gestures", () => this.#shortcuts.show(), { class: "plain sign", title: "Keys (?)" }, "?");
    document.body.replaceChildren(
      element("a", { class: "skip", href: "#main" }, "Skip to the content"),
      element(
        "header",
        { class: "head" },
        element("a", { class: "brand", href: "#/" }, element("span", { class: "brand-mark", "aria-hidden": "true" }), this.#service),
        element("div", { class: "switches" }, this.#forget, zone, theme, keys)
      ),
      this.#main,
      this.#foot(),
      this.announcer.element,
      this.#shortcuts.dialog
    );
    document.querySelector(".skip")?.addEventListener("click", (event) => {
      event.preventDefault();
      this.#main.focus();
    });
  }
};

// src/chart/view.ts
var FEWEST = 5;
var MOST = 45e3;
var MARGIN = 0.02;
var KEPT_IN_VIEW = 0.2;
var View = class {
  constructor(changed) {
    this.changed = changed;
  }
  changed;
  #bounds = { begins: null, ends: 0, step: 6e4 };
  #to = 0;
  #span = 36e5;
  #isFollowing = true;
  #isFitted = false;
  #returnTo = null;
  get range() {
    return { from: this.#to - this.#span, to: this.#to };
  }
  get span() {
    return this.#span;
  }
  /** Whether the view goes along with the newest window. */
  get isFollowing() {
    return this.#isFollowing;
  }
  /** Whether all there is is to be shown. */
  get isFitted() {
    return this.#isFitted;
  }
  /** Whether all there is was asked for, and is more than can be shown; not known, and so no, before it was looked for. */
  isCut(isLookedFor) {
    const { begins, ends, step } = this.#bounds;
    return this.#isFitted && (begins === null ? isLookedFor : ends - begins > step * MOST);
  }
  get canReturn() {
    return this.#returnTo !== null;
  }
  /** Learn where data begins and ends. */
  bound(bounds) {
    const { begins, ends, step } = this.#bounds;
    if (bounds.begins === begins && bounds.ends === ends && bounds.step === step) {
      return;
    }
    this.#bounds = bounds;
    this.#settle();
  }
  pan(milliseconds) {
    this.#isFitted = false;
    this.#isFollowing = false;
    this.#to += milliseconds;
    if (milliseconds > 0 && this.#to >= this.#live) {
      this.#isFollowing = true;
    }
    this.#settle();
  }
  /** Show a stretch that is `factor` times as long, and leave `anchor` where it is. */
  zoom(factor, anchor) {
    this.#isFitted = false;
    const span = this.#clampedSpan(this.#span * factor);
    const share = (this.#to - anchor) / this.#span;
    this.#span = span;
    if (!this.#isFollowing) {
      this.#to = anchor + share * span;
    }
    this.#settle();
  }
  /** Show a stretch of this length, up to the newest window or around what is in the middle. */
  showSpan(span) {
    const middle = this.#to - this.#span / 2;
    this.#isFitted = false;
    this.#span = this.#clampedSpan(span);
    this.#to = middle + this.#span / 2;
    this.#settle();
  }
  /** Show all there is, as far back as can be shown. */
  fit() {
    this.#isFitted = true;
    this.#isFollowing = true;
    this.#settle();
  }
  follow() {
    this.#isFollowing = true;
    this.#returnTo = null;
    this.#settle();
  }
  /** Show the oldest data that is known of. */
  begin(at) {
    this.#isFitted = false;
    this.#isFollowing = false;
    this.#to = at + this.#span * (1 - MARGIN);
    this.#settle();
  }
  /** Go to an instant, and remember where one was. */
  jump(at) {
    this.#returnTo ??= { ...this.range, isFollowing: this.#isFollowing };
    this.#isFitted = false;
    this.#isFollowing = false;
    this.#to = at + this.#span / 2;
    this.#settle();
  }
  /** Go back to where one was before the jump. */
  goBack() {
    const there = this.#returnTo;
    if (there) {
      this.#returnTo = null;
      this.#span = there.to - there.from;
      this.#to = there.to;
      this.#isFollowing = there.isFollowing;
      this.#settle();
    }
  }
  get #live() {
    return this.#bounds.ends + this.#span * MARGIN;
  }
  #clampedSpan(span) {
    const { step } = this.#bounds;
    return Math.min(Math.max(span, step * FEWEST), step * MOST);
  }
  #settle() {
    const { begins, ends, step } = this.#bounds;
    if (this.#isFitted) {
      this.#span = begins === null ? step * MOST : this.#clampedSpan((ends - begins) * (1 + 2 * MARGIN));
    }
    if (this.#isFollowing) {
      this.#to = this.#live;
    } else {
      const least = begins === null ? -Infinity : begins + this.#span * KEPT_IN_VIEW;
      this.#to = Math.max(Math.min(this.#to, this.#live), Math.min(least, this.#live));
    }
    this.changed();
  }
};

// src/data/moments.ts
function momentOf(moment) {
  return {
    key: moment.moment_id,
    at: Date.parse(moment.timestamp),
    type: moment.moment_type,
    description: moment.description,
    metricName: moment.metric_name,
    metricValue: moment.metric_value,
    threshold: moment.threshold,
    score: moment.z_score,
    metadata: moment.metadata ?? {}
  };
}

// src/data/coverage.ts
var Coverage = class {
  #stretches = [];
  /** Where the oldest stretch begins; -Infinity once the beginning of everything has been read. */
  get start() {
    return this.#stretches[0]?.from ?? Infinity;
  }
  get hasBeginning() {
    return this.start === -Infinity;
  }
  add(from, to) {
    const apart = (one) => one.to < from || one.from > to;
    const touching = this.#stretches.filter((one) => !apart(one));
    const start = Math.min(from, ...touching.map((one) => one.from));
    const end = Math.max(to, ...touching.map((one) => one.to));
    this.#stretches = [...this.#stretches.filter(apart), { from: start, to: end }].sort((one, other) => one.from - other.from);
  }
  /** The newest part of a range that has not been read. */
  newestGap(from, to) {
    let edge = to;
    for (const one of this.#stretches.toReversed()) {
      if (one.from >= edge) {
        continue;
      }
      if (one.to < edge) {
        break;
      }
      edge = one.from;
    }
    if (edge <= from) {
      return null;
    }
    const before2 = this.#stretches.findLast((one) => one.to < edge);
    return { from: Math.max(from, before2?.to ?? -Infinity), to: edge };
  }
  /** The parts of a range that have not been read, the oldest first. */
  gaps(from, to) {
    const found = [];
    let edge = from;
    for (const one of this.#stretches) {
      if (one.from > edge && edge < to) {
        found.push([edge, Math.min(one.from, to)]);
      }
      edge = Math.max(edge, one.to);
    }
    if (edge < to) {
      found.push([edge, to]);
    }
    return found;
  }
  /** Forget all but what lies in one of these ranges. */
  keep(ranges) {
    const kept = this.#stretches.flatMap(
      (one) => ranges.map(([from, to]) => ({
        from: Math.max(one.from, from),
        to: Math.min(one.to, to)
      }))
    );
    this.#stretches = [];
    for (const one of kept) {
      if (one.from < one.to) {
        this.add(one.from, one.to);
      }
    }
  }
  clear() {
    this.#stretches = [];
  }
};

// src/data/paged.ts
var LATEST = 864e13;
var Paged = class {
  constructor(rows, rowOf2, read2, changed, signal) {
    this.rows = rows;
    this.rowOf = rowOf2;
    this.read = read2;
    this.changed = changed;
    this.signal = signal;
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }
  rows;
  rowOf;
  read;
  changed;
  signal;
  coverage = new Coverage();
  #retry = new Retry();
  #wanted = [LATEST, Infinity];
  #state = "idle";
  #error = null;
  #timer;
  get state() {
    return this.#state;
  }
  get error() {
    return this.#error;
  }
  /** Have everything between two times read. */
  want(from, to) {
    this.#wanted = [from, to];
    if (this.#state === "idle") {
      void this.#goOn();
    }
  }
  /** Try again now what failed. */
  retry() {
    if (this.#state === "waiting" || this.#state === "failed") {
      clearTimeout(this.#timer);
      void this.#goOn();
    }
  }
  /** Look again whether something is missing that is wanted. */
  again() {
    this.want(...this.#wanted);
  }
  /** Read one page, the newest, and return it. */
  async newest() {
    return this.#page({ from: -Infinity, to: Infinity });
  }
  async #goOn() {
    for (; ; ) {
      const gap = this.coverage.newestGap(...this.#wanted);
      if (!gap || this.signal.aborted) {
        this.#become("idle");
        return;
      }
      this.#become("loading");
      try {
        await this.#page(gap);
        this.#retry.succeeded();
      } catch (error) {
        this.#failed(error);
        return;
      }
    }
  }
  async #page(gap) {
    const reading = this.rows.begin();
    try {
      const first = await this.read(gap.to);
      let page2 = first;
      const rows = page2.data.map(this.rowOf);
      while (page2.next && startOf(rows) >= gap.to) {
        page2 = await page2.next();
        rows.push(...page2.data.map(this.rowOf));
      }
      const from = page2.next ? startOf(rows) : -Infinity;
      if (this.rows.merge(reading, rows, from, gap.to)) {
        this.coverage.add(from, gap.to);
      }
      this.changed();
      return first;
    } finally {
      this.rows.end(reading);
    }
  }
  #failed(error) {
    if (this.signal.aborted) {
      return;
    }
    this.#error = error;
    if (isPassing(error)) {
      this.#timer = setTimeout(() => void this.#goOn(), this.#retry.after(error));
      this.#become("waiting");
    } else {
      this.#become("failed");
    }
  }
  #become(state) {
    if (this.#state !== state) {
      this.#state = state;
      this.changed();
    }
  }
};
function startOf(rows) {
  return rows.reduce((oldest, row) => Math.min(oldest, row.at), Infinity) + 1;
}

// src/data/rows.ts
var Rows = class {
  #byKey = /* @__PURE__ */ new Map();
  #told = /* @__PURE__ */ new Map();
  #readings = /* @__PURE__ */ new Set();
  #sorted = [];
  #clock = 0;
  #generation = 0;
  /** Grows with every change. */
  version = 0;
  /** All rows, the oldest first. */
  get list() {
    this.#sorted ??= [...this.#byKey.values()].sort(byTime);
    return this.#sorted;
  }
  get(key) {
    return this.#byKey.get(key);
  }
  /** Take a row as it was told live: it is newer than whatever is here. */
  tell(row) {
    this.#note(row.key);
    this.#put(row);
  }
  /** Take it that a row is gone. */
  tellRemoved(key) {
    this.#note(key);
    if (this.#byKey.delete(key)) {
      this.#sorted = null;
    }
  }
  /** Forget everything; pages that are on their way no longer count. */
  clear() {
    this.#byKey.clear();
    this.#sorted = [];
    this.outdate();
  }
  /** Have pages that are on their way no longer count: another history than theirs is told from now on. */
  outdate() {
    this.#generation += 1;
    this.version += 1;
  }
  /** Say that a page is asked for; `end` it, whatever comes. */
  begin() {
    const reading = { began: this.#clock, generation: this.#generation };
    this.#readings.add(reading);
    return reading;
  }
  end(reading) {
    this.#readings.delete(reading);
    if (this.#readings.size === 0) {
      this.#told.clear();
    }
  }
  /**
   * Take a page that holds all rows with `from` <= at < `to` as they were when it was read: others of that time go.
   *
   * Returns false where the page no longer counts.
   */
  merge(reading, page2, from, to) {
    if (reading.generation !== this.#generation) {
      return false;
    }
    const isNewer = (key) => (this.#told.get(key) ?? 0) > reading.began;
    const named = new Set(page2.map((row) => row.key));
    for (const row of this.list) {
      if (row.at >= from && row.at < to && !named.has(row.key) && !isNewer(row.key)) {
        this.#byKey.delete(row.key);
      }
    }
    for (const row of page2) {
      if (!isNewer(row.key)) {
        this.#byKey.set(row.key, row);
      }
    }
    this.#sorted = null;
    this.version += 1;
    return true;
  }
  /** Let go of the rows that are not `wanted`. */
  keep(wanted) {
    for (const row of this.list) {
      if (!wanted(row)) {
        this.#byKey.delete(row.key);
      }
    }
    this.#sorted = null;
    this.version += 1;
  }
  #note(key) {
    this.version += 1;
    this.#clock += 1;
    if (this.#readings.size > 0) {
      this.#told.set(key, this.#clock);
    }
  }
  #put(row) {
    const known = this.#byKey.has(row.key);
    this.#byKey.set(row.key, row);
    const last = this.#sorted?.at(-1);
    if (this.#sorted && !known && (!last || byTime(last, row) < 0)) {
      this.#sorted.push(row);
    } else {
      this.#sorted = null;
    }
  }
};
function byTime(one, other) {
  return one.at - other.at || (one.key < other.key ? -1 : one.key > other.key ? 1 : 0);
}

// src/data/stream-data.ts
var FIRST_WINDOWS = 400;
var WINDOWS = 1e3;
var MOMENTS = 100;
var MOST_WINDOWS = 6e4;
var NEWEST_KEPT = 500;
var StreamData = class {
  constructor(client, streamId, events, signal) {
    this.client = client;
    this.streamId = streamId;
    this.events = events;
    this.signal = signal;
    const changed = () => events.changed();
    const readWindows = (end) => {
      const limit = this.#position === null ? FIRST_WINDOWS : WINDOWS;
      return this.#including((init) => client.metrics(streamId, { limit, ...before(end) }, init));
    };
    this.history = new Paged(this.rows, windowOf, readWindows, changed, signal);
    const readMoments = (end) => this.#including((init) => client.moments(streamId, { limit: MOMENTS, ...before(end) }, init));
    this.moments = new Paged(this.momentRows, momentOf, readMoments, changed, signal);
    signal.addEventListener("abort", () => this.#live?.close());
  }
  client;
  streamId;
  events;
  signal;
  rows = new Rows();
  momentRows = new Rows();
  history;
  moments;
  stream = null;
  #live = null;
  #position = null;
  /** How often the stream's own row was told live. */
  #described = 0;
  /**
   * Read the newest windows and go live.
   *
   * @throws TelemetraError 404 where no stream has this id; whatever reading throws.
   */
  async open() {
    const page2 = await this.history.newest();
    this.signal.throwIfAborted();
    if (this.#live) {
      return;
    }
    this.#position = page2.position;
    this.#live = this.client.live(this.streamId, {
      ...page2.position === null ? {} : { since: page2.position },
      onMessage: (message) => this.#take(message),
      onStatus: (status) => this.events.status(status)
    });
    this.moments.want(LATEST, Infinity);
    void this.#describe();
  }
  /** Where the oldest window begins, once that is known. */
  get beginning() {
    return this.history.coverage.hasBeginning ? this.rows.list[0]?.at ?? null : null;
  }
  /** Have what is between two times read, moments too, and let go of what is not once there is too much. */
  want(from, to) {
    if (this.rows.list.length > MOST_WINDOWS) {
      this.#letGo(from, to);
    }
    this.history.want(from, to);
    this.moments.want(from, Infinity);
  }
  #letGo(from, to) {
    const newest = this.rows.list.at(-NEWEST_KEPT)?.at ?? -Infinity;
    const kept = [
      [from, to],
      [newest, Infinity]
    ];
    this.history.coverage.keep(kept);
    this.rows.keep((row) => kept.some(([start, end]) => row.at >= start && row.at < end));
  }
  /** Read the stream's own row, which may come after its windows, or never. */
  async #describe() {
    const retry = new Retry();
    const told = this.#described;
    for (; ; ) {
      try {
        const { data } = await this.#including((init) => this.client.stream(this.streamId, init));
        if (this.#described === told) {
          this.stream = data;
          this.events.changed();
        }
        return;
      } catch (error) {
        if (this.signal.aborted || !isPassing(error)) {
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, retry.after(error)));
      }
    }
  }
  /** Ask for an answer that includes what was told live; without that where it is of another history by now. */
  async #including(ask) {
    const position = this.#live?.position ?? this.#position;
    if (position === null) {
      return ask({ signal: this.signal });
    }
    try {
      return await ask({ signal: this.signal, position });
    } catch (error) {
      if (error instanceof TelemetraError && error.status === 422) {
        return ask({ signal: this.signal });
      }
      throw error;
    }
  }
  /** Take the stream's own row as it was told live: what is being read of it meanwhile is older. */
  #tell(stream) {
    this.#described += 1;
    this.stream = stream;
  }
  #take(message) {
    switch (message.type) {
      case "metrics":
        this.rows.tell(windowOf(message.data));
        break;
      case "moment":
        this.momentRows.tell(momentOf(message.data));
        break;
      case "stream":
        this.#tell(message.data);
        break;
      case "removed":
        this.#remove(message.data);
        break;
      case "snapshot":
        this.#begin(message);
        break;
      default:
        return;
    }
    this.events.changed();
  }
  #remove(removed) {
    if (removed.all) {
      this.rows.clear();
      this.momentRows.clear();
      this.#tell(null);
      this.#readAgain();
      void this.#describe();
    } else if (removed.window) {
      this.rows.tellRemoved(windowKey(removed.window));
    } else if (removed.moment_id) {
      this.momentRows.tellRemoved(removed.moment_id);
    } else if (removed.stream) {
      this.#tell(null);
    }
  }
  /** Begin anew from a snapshot: what was read before may be of another history, and is shown until it is read again. */
  #begin(snapshot) {
    this.#tell(snapshot.stream);
    this.rows.outdate();
    this.momentRows.outdate();
    this.#readAgain();
    for (const window of snapshot.metrics) {
      this.rows.tell(windowOf(window));
    }
    for (const moment of snapshot.moments) {
      this.momentRows.tell(momentOf(moment));
    }
  }
  #readAgain() {
    this.history.coverage.clear();
    this.moments.coverage.clear();
    this.history.again();
    this.moments.again();
  }
};
function before(end) {
  return end === Infinity ? {} : { end_time: new Date(Math.ceil(end)).toISOString() };
}

// src/chart/description.ts
function describe(panels, { columns, range }, zone) {
  const [first, last] = [indexAt(columns, range.from), indexAt(columns, range.to)];
  const when2 = `${zone.dayAndTime(range.from)} to ${zone.dayAndTime(range.to)}`;
  for (const panel of panels) {
    panel.canvas.setAttribute("aria-label", `${panel.summary(columns, first, last)}. ${when2}.`);
  }
}
function expose(place, { columns, range, gaps, begins }) {
  const [first, last] = [indexAt(columns, range.from), indexAt(columns, range.to)];
  setAttributes(place, {
    "data-from": new Date(range.from).toISOString(),
    "data-to": new Date(range.to).toISOString(),
    "data-windows": columns.windows.length,
    "data-drawn": last - first,
    "data-holes": holesIn(columns, first, last),
    "data-history": gaps.length > 0 ? "missing" : begins === null ? "more" : "whole"
  });
}

// src/chart/gestures.ts
var SLOP_PIXELS = 4;
var ZOOM_A_PIXEL = 25e-4;
var LINE_PIXELS = 16;
function listenForGestures(target, gestured, signal) {
  const touches = /* @__PURE__ */ new Map();
  let moved = false;
  const at = (event) => event.clientX - target.getBoundingClientRect().left;
  const spread = () => {
    const [one, other] = [...touches.values()];
    return { distance: Math.abs(one.x - other.x), middle: (one.x + other.x) / 2 };
  };
  const down = (event) => {
    if (event.button !== 0 || touches.size === 2) {
      return;
    }
    moved = touches.size > 0;
    touches.set(event.pointerId, { x: at(event), startX: at(event) });
    target.setPointerCapture(event.pointerId);
  };
  const move = (event) => {
    const touch = touches.get(event.pointerId);
    const x = at(event);
    if (!touch) {
      gestured.pointed(x);
      return;
    }
    const before2 = touches.size === 2 ? spread() : null;
    const pixels = x - touch.x;
    moved ||= Math.abs(x - touch.startX) > SLOP_PIXELS;
    if (!moved) {
      return;
    }
    touch.x = x;
    if (before2) {
      const after = spread();
      gestured.zoomed(Math.max(before2.distance, 10) / Math.max(after.distance, 10), after.middle);
      gestured.dragged(after.middle - before2.middle);
    } else {
      gestured.pointed(null);
      gestured.dragged(pixels);
    }
  };
  const up = (event) => {
    if (touches.delete(event.pointerId) && !moved && event.type === "pointerup") {
      gestured.pointed(at(event));
      gestured.pressed(at(event), event.clientY);
    }
  };
  const leave = (event) => {
    if (event.pointerType === "mouse" && !touches.has(event.pointerId)) {
      gestured.pointed(null);
    }
  };
  const wheel = (event) => {
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

// src/chart/keys.ts
var PAN_SHARE = 0.1;
var PAGE_SHARE = 0.9;
var ZOOM_FACTOR = 1.5;
function chartKeys(view, keyed) {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const act = actions(view, keyed, event.shiftKey)[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  };
}
function actions(view, keyed, isShifted) {
  const middle = (view.range.from + view.range.to) / 2;
  const closer = () => view.zoom(1 / ZOOM_FACTOR, middle);
  const farther = () => view.zoom(ZOOM_FACTOR, middle);
  return {
    ArrowLeft: () => isShifted ? keyed.read(-1) : view.pan(-view.span * PAN_SHARE),
    ArrowRight: () => isShifted ? keyed.read(1) : view.pan(view.span * PAN_SHARE),
    PageUp: () => view.pan(-view.span * PAGE_SHARE),
    PageDown: () => view.pan(view.span * PAGE_SHARE),
    "+": closer,
    // The same key without Shift, where it needs that.
    "=": closer,
    "-": farther,
    Home: () => keyed.begin(),
    End: () => view.follow(),
    Escape: () => keyed.rest()
  };
}

// src/chart/metrics.ts
var DRAWN = [
  {
    metric: "rate",
    title: "Chat rate",
    unit: "messages/s",
    format: rate,
    axis: "from-zero",
    isArea: true,
    colour: "chart-rate",
    nothing: "No chat rate here"
  },
  {
    metric: "viewers",
    title: "Viewers",
    unit: "mean",
    format: count,
    axis: "around",
    isArea: false,
    colour: "chart-viewers",
    nothing: "No viewer counts here"
  },
  {
    metric: "chatters",
    title: "Unique chatters",
    unit: "per window",
    format: count,
    axis: "from-zero",
    isArea: true,
    colour: "chart-chatters",
    nothing: "No chatters here"
  },
  {
    metric: "sentiment",
    title: "Sentiment",
    unit: "−1 to 1",
    format: sentiment,
    axis: [-1, 1],
    isArea: true,
    colour: "chart-sentiment",
    nothing: "No sentiment here"
  }
];
var KINDS = {
  chat_spike: { title: "Chat spike", sign: "▲", metric: "rate", colour: "chart-rate" },
  viewer_spike: { title: "Viewer spike", sign: "◆", metric: "viewers", colour: "chart-viewers" },
  sentiment_shift: { title: "Sentiment shift", sign: "●", metric: "sentiment", colour: "chart-sentiment" }
};
function kindOf(type) {
  return KINDS[type] ?? { title: type.replaceAll("_", " "), sign: "■", metric: "rate", colour: "ink" };
}

// src/chart/palette.ts
var NAMES = [
  "ink",
  "muted",
  "line",
  "surface",
  "sunken",
  "accent",
  "chart-rate",
  "chart-viewers",
  "chart-chatters",
  "chart-sentiment"
];
function paletteOf(place) {
  const style = getComputedStyle(place);
  const before2 = place.style.color;
  const read2 = (name) => {
    place.style.color = `var(--${name})`;
    return style.color;
  };
  const palette = Object.fromEntries(NAMES.map((name) => [name, read2(name)]));
  place.style.color = before2;
  return palette;
}

// src/chart/scene.ts
var RIGHT = 10;

// src/chart/backdrop.ts
function drawGround(context, scene, projection, place, isLabelled) {
  const { palette, left, width } = scene;
  const right = width - RIGHT;
  const x = (at) => Math.min(Math.max(left + (at - projection.from) * projection.pixelsPerMillisecond, left), right);
  for (const [from, to] of scene.gaps) {
    context.fillStyle = palette.sunken;
    context.fillRect(x(from), place.top, x(to) - x(from), place.bottom - place.top);
    if (isLabelled) {
      write(context, "Loading…", x(from), x(to), place, palette.sunken, palette.muted);
    }
  }
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.beginPath();
  for (const tick of scene.ticks) {
    const at = Math.round(x(tick.at)) + 0.5;
    context.moveTo(at, place.top);
    context.lineTo(at, place.bottom);
  }
  context.stroke();
  if (scene.begins !== null && scene.begins > scene.range.from) {
    drawBeginning(context, x(scene.begins), scene, place, isLabelled);
  }
}
function drawBeginning(context, x, { left, palette }, place, isLabelled) {
  const at = Math.round(x) - 3.5;
  context.strokeStyle = palette.muted;
  context.setLineDash([2, 3]);
  context.beginPath();
  context.moveTo(at, place.top);
  context.lineTo(at, place.bottom);
  context.stroke();
  context.setLineDash([]);
  if (isLabelled) {
    write(context, "No older windows", left, at, place, palette.surface, palette.muted);
  }
}
function write(context, text, from, to, place, ground, colour) {
  if (context.measureText(text).width + 16 < to - from) {
    writeOver(context, text, (from + to) / 2, (place.top + place.bottom) / 2, ground, colour);
  }
}
function writeOver(context, text, x, y, ground, colour) {
  const half = context.measureText(text).width / 2 + 6;
  context.fillStyle = ground;
  context.fillRect(x - half, y - 9, 2 * half, 18);
  context.fillStyle = colour;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x, y);
}
function drawValueAxis(context, scene, projection, ticks) {
  const { palette, left, width } = scene;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticks) {
    const y = Math.round(projection.top + (projection.high - tick) * projection.pixelsPerUnit) + 0.5;
    context.strokeStyle = tick === 0 ? palette.muted : palette.line;
    context.globalAlpha = tick === 0 ? 0.6 : 1;
    context.beginPath();
    context.moveTo(left, y);
    context.lineTo(width - RIGHT, y);
    context.stroke();
    context.globalAlpha = 1;
    context.fillStyle = palette.muted;
    context.fillText(axis(tick), left - 8, y);
  }
}
function drawMoments(context, scene, projection, place, metric) {
  const { left, width, palette } = scene;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  for (const moment of scene.moments) {
    const x = left + (moment.at - projection.from) * projection.pixelsPerMillisecond;
    const isSelected = moment.key === scene.selected;
    const kind = kindOf(moment.type);
    const isOurs = kind.metric === metric;
    if (x < left || x > width - RIGHT || !isOurs && !isSelected) {
      continue;
    }
    context.strokeStyle = palette[kind.colour];
    context.fillStyle = palette[kind.colour];
    context.globalAlpha = isSelected ? 1 : 0.45;
    context.lineWidth = isSelected ? 1.5 : 1;
    context.beginPath();
    context.moveTo(Math.round(x) + 0.5, isOurs ? place.top : 0);
    context.lineTo(Math.round(x) + 0.5, place.bottom);
    context.stroke();
    context.globalAlpha = 1;
    if (isOurs) {
      context.fillText(kind.sign, x, place.top - 2);
    }
  }
}

// src/chart/value-axis.ts
var CLOSE = 0.7;
function valueAxis(kind, lowest, highest, most) {
  if (typeof kind !== "string") {
    return { low: kind[0], high: kind[1], ticks: [kind[0], (kind[0] + kind[1]) / 2, kind[1]] };
  }
  if (!(lowest <= highest)) {
    return { low: 0, high: 1, ticks: [0] };
  }
  const base = kind === "around" && lowest > highest * CLOSE ? lowest : Math.min(0, lowest);
  const top = highest > base ? highest : base + (Math.abs(base) || 1) * 0.1;
  const step = roundStep((top - base) / Math.max(most, 1));
  const low = Math.floor(base / step) * step;
  const high = Math.ceil(top / step) * step;
  const count2 = Math.round((high - low) / step);
  const ticks = Array.from({ length: count2 + 1 }, (_, index) => Number((low + index * step).toPrecision(12)));
  return { low, high, ticks };
}
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((one) => one * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}

// src/chart/panel.ts
var TOP = 14;
var BOTTOM = 6;
var PIXELS_A_TICK = 34;
var FONT = "11px system-ui, sans-serif";
var LABELLED = "rate";
var Panel = class {
  constructor(drawn) {
    this.drawn = drawn;
    this.canvas = element("canvas", { role: "img", "aria-label": drawn.title });
    this.plot = element("div", { class: "plot" }, this.canvas, this.#cross, this.#dot);
    this.element = element(
      "div",
      { class: `panel panel-${drawn.metric}` },
      element(
        "div",
        { class: "panel-head" },
        element("span", { class: "swatch", "aria-hidden": "true" }),
        element("h3", {}, drawn.title),
        element("span", { class: "unit" }, drawn.unit),
        this.#value
      ),
      this.plot
    );
  }
  drawn;
  canvas;
  #cross = element("div", { class: "cross", hidden: true });
  #dot = element("div", { class: "dot", hidden: true });
  #value = element("span", { class: "panel-value" });
  plot;
  element;
  #line = new Polyline();
  #axis = { low: 0, high: 1, ticks: [] };
  #height = 0;
  draw(scene) {
    const { columns, range, palette, width, left } = scene;
    const values = columns.values[this.drawn.metric];
    const first = indexAt(columns, range.from);
    const last = indexAt(columns, range.to);
    const [lowest, highest] = extent(values, first, last);
    const isEmpty = lowest > highest;
    this.element.classList.toggle("is-empty", isEmpty);
    const context = this.#prepared(width);
    const height = this.#height - TOP - BOTTOM;
    this.#axis = valueAxis(this.drawn.axis, lowest, highest, height / PIXELS_A_TICK);
    const projection = {
      from: range.from,
      pixelsPerMillisecond: (width - left - RIGHT) / (range.to - range.from),
      left,
      top: TOP,
      high: this.#axis.high,
      pixelsPerUnit: height / (this.#axis.high - this.#axis.low),
      density: devicePixelRatio
    };
    const place = { top: TOP, bottom: this.#height - BOTTOM };
    context.font = FONT;
    if (!isEmpty || scene.gaps.length > 0) {
      drawGround(context, scene, projection, place, this.drawn.metric === LABELLED);
    }
    if (!isEmpty) {
      drawValueAxis(context, scene, projection, this.#axis.ticks);
      context.save();
      context.beginPath();
      context.rect(left, 0, width - left - RIGHT, this.#height);
      context.clip();
      this.#drawSeries(context, scene, projection, Math.max(0, first - 1), Math.min(values.length, last + 1));
      context.restore();
    }
    drawMoments(context, scene, projection, place, this.drawn.metric);
    if (isEmpty) {
      context.font = FONT;
      writeOver(context, this.drawn.nothing, (left + width) / 2, this.#height / 2, palette.surface, palette.muted);
    }
  }
  /** Show the value of a window, and where it is; -1: of none. */
  point(scene, index) {
    const value = scene.columns.values[this.drawn.metric][index];
    const at = scene.columns.at[index];
    setText(this.#value, this.drawn.format(value));
    this.#cross.hidden = at === void 0;
    this.#dot.hidden = at === void 0 || value === void 0 || Number.isNaN(value);
    if (at === void 0) {
      return;
    }
    const { range, width, left } = scene;
    const x = left + (at - range.from) / (range.to - range.from) * (width - left - RIGHT);
    this.#cross.style.transform = `translateX(${Math.round(x)}px)`;
    if (value !== void 0) {
      const share = (this.#axis.high - value) / (this.#axis.high - this.#axis.low);
      this.#dot.style.transform = `translate(${x}px, ${TOP + share * (this.#height - TOP - BOTTOM)}px)`;
    }
  }
  /** Show a value without pointing anywhere: the newest one. */
  rest(value) {
    setText(this.#value, this.drawn.format(value));
    this.#cross.hidden = true;
    this.#dot.hidden = true;
  }
  /** In words, for who can't see it. */
  summary(columns, first, last) {
    const [lowest, highest] = extent(columns.values[this.drawn.metric], first, last);
    const { title, unit, format } = this.drawn;
    return lowest > highest ? `${title}: ${this.drawn.nothing.toLowerCase()}` : `${title} (${unit}): from ${format(lowest)} to ${format(highest)}`;
  }
  #prepared(width) {
    this.#height = this.plot.clientHeight;
    const ratio = devicePixelRatio;
    const [pixelWidth, pixelHeight] = [Math.round(width * ratio), Math.round(this.#height * ratio)];
    if (this.canvas.width !== pixelWidth || this.canvas.height !== pixelHeight) {
      this.canvas.width = pixelWidth;
      this.canvas.height = pixelHeight;
    }
    const context = this.canvas.getContext("2d");
    if (!context) {
      throw new Error("This browser can't draw on a canvas.");
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, this.#height);
    return context;
  }
  #drawSeries(context, scene, projection, first, last) {
    const { metric, colour, isArea } = this.drawn;
    context.strokeStyle = scene.palette[colour];
    context.fillStyle = scene.palette[colour];
    const isDense = last - first > scene.width;
    context.lineWidth = isDense ? 1 : 1.5;
    context.lineJoin = isDense ? "bevel" : "round";
    const base = Math.min(Math.max(0, this.#axis.low), this.#axis.high);
    const baseY = projection.top + (projection.high - base) * projection.pixelsPerUnit;
    trace(scene.columns, scene.columns.values[metric], first, last, projection, this.#line, (line) => {
      if (line.length === 1) {
        context.beginPath();
        context.arc(line.x(0), line.y(0), 2, 0, 2 * Math.PI);
        context.fill();
        return;
      }
      context.beginPath();
      for (let index = 0; index < line.length; index += 1) {
        context.lineTo(line.x(index), line.y(index));
      }
      context.stroke();
      if (isArea) {
        context.lineTo(line.x(line.length - 1), baseY);
        context.lineTo(line.x(0), baseY);
        context.globalAlpha = 0.14;
        context.fill();
        context.globalAlpha = 1;
      }
    });
  }
};

// src/chart/time-axis.ts
var SECOND = 1e3;
var MINUTE = 60 * SECOND;
var HOUR = 60 * MINUTE;
var DAY = 24 * HOUR;
var MONTH = 30.4 * DAY;
var CLOCK_STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((count2) => count2 * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count2) => count2 * MINUTE),
  ...[1, 2, 3, 6, 12].map((count2) => count2 * HOUR)
];
var DAY_STEPS = [1, 2, 4, 7, 14];
var MONTH_STEPS = [1, 3, 6, 12, 24, 60, 120];
var MOST_TICKS = 200;
function timeTicks(from, to, most, zone) {
  const least = (to - from) / Math.max(most, 1);
  const step = CLOCK_STEPS.find((one) => one >= least);
  if (step) {
    return clockTicks(from, to, step, zone);
  }
  const days = DAY_STEPS.find((count2) => count2 * DAY >= least);
  if (days) {
    return calendarTicks(from, to, zone, (first, index) => dayAfter(first, days, index), (at) => zone.day(at));
  }
  const months = MONTH_STEPS.find((count2) => count2 * MONTH >= least) ?? 120;
  return calendarTicks(from, to, zone, (first, index) => monthAfter(first, months, index), (at) => zone.month(at));
}
function clockTicks(from, to, step, zone) {
  const ticks = [];
  const first = zone.dayOf(from);
  for (let index = 0; ticks.length < MOST_TICKS; index += 1) {
    const midnight = zone.startOf({ ...first, day: first.day + index });
    const nextMidnight = zone.startOf({ ...first, day: first.day + index + 1 });
    if (midnight > to) {
      break;
    }
    const start = midnight + Math.max(0, Math.ceil((from - midnight) / step)) * step;
    for (let at = start; at <= to && at <= nextMidnight - step / 2 && ticks.length < MOST_TICKS; at += step) {
      const label = at === midnight ? zone.day(at) : step < MINUTE ? zone.timeWithSeconds(at) : zone.time(at);
      ticks.push({ at, label, isMajor: at === midnight });
    }
  }
  return ticks;
}
function calendarTicks(from, to, zone, dayAt, label) {
  const ticks = [];
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
function dayAfter(first, days, index) {
  const number = Math.floor(Date.UTC(first.year, first.month, first.day) / DAY);
  return { ...first, day: first.day - number % days + index * days };
}
function monthAfter(first, months, index) {
  const number = first.year * 12 + first.month;
  const month = number - number % months + index * months;
  return { year: Math.floor(month / 12), month: month % 12, day: 1 };
}

// src/chart/time-strip.ts
var HEIGHT2 = 22;
var FONT2 = "11px system-ui, sans-serif";
var BOLD = "600 11px system-ui, sans-serif";
var TimeStrip = class {
  #canvas = element("canvas", { "aria-hidden": "true" });
  #chip = element("div", { class: "time-chip", hidden: true });
  element = element("div", { class: "time-strip" }, this.#canvas, this.#chip);
  /** Stands where the strip is at home, and so tells when it is not. */
  home = element("div", { "aria-hidden": "true" });
  constructor(signal) {
    const below = { rootMargin: "-100% 0px 100000px 0px" };
    const seen = new IntersectionObserver((entries) => this.element.classList.toggle("is-before", entries.at(-1)?.isIntersecting), below);
    seen.observe(this.home);
    signal.addEventListener("abort", () => seen.disconnect());
  }
  draw(scene) {
    const { width, left, range, palette } = scene;
    const ratio = devicePixelRatio;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(HEIGHT2 * ratio);
    const context = this.#canvas.getContext("2d");
    if (!context) {
      return;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.textAlign = "center";
    context.textBaseline = "middle";
    let free = 0;
    for (const tick of scene.ticks) {
      context.font = tick.isMajor ? BOLD : FONT2;
      context.fillStyle = tick.isMajor ? palette.ink : palette.muted;
      const half = context.measureText(tick.label).width / 2;
      const at = left + (tick.at - range.from) / (range.to - range.from) * (width - left - RIGHT);
      const x = Math.min(Math.max(at, half), width - half);
      if (x - half >= free) {
        context.fillText(tick.label, x, HEIGHT2 / 2);
        free = x + half + 8;
      }
    }
  }
  /** Show when the window is that is pointed at; null: none is. */
  point(scene, window, zone, utc2) {
    this.#chip.hidden = window === null;
    if (!window) {
      return;
    }
    const { range, width, left } = scene;
    const needsSeconds = window.at % 6e4 !== 0 || window.until % 6e4 !== 0;
    const time = (at, shown2) => needsSeconds ? shown2.timeWithSeconds(at) : shown2.time(at);
    const inUtc = zone.name === "utc" ? "" : ` · ${time(window.at, utc2)} UTC`;
    fill(this.#chip, `${zone.day(window.at)} `, element("b", {}, `${time(window.at, zone)}–${time(window.until, zone)}`), inUtc);
    const x = left + (window.at - range.from) / (range.to - range.from) * (width - left - RIGHT);
    const half = this.#chip.offsetWidth / 2;
    this.#chip.style.transform = `translateX(${Math.min(Math.max(x - half, 0), width - 2 * half)}px)`;
  }
};

// src/chart/stack.ts
var PRESS_PIXELS = 12;
var WIDE_PIXELS = 560;
var PIXELS_A_LABEL = 84;
var SUMMARY_MILLISECONDS = 1e3;
var LONGEST_MILLISECONDS = 3e3;
var utc = new Zone("utc");
var ChartStack = class {
  constructor(view, show2, events, signal) {
    this.view = view;
    this.show = show2;
    this.events = events;
    this.#strip = new TimeStrip(signal);
    const panels = this.#panels.map((panel) => panel.element);
    this.#plots = element("div", { class: "plots" }, ...panels, this.#strip.element, this.#strip.home);
    this.element = element(
      "div",
      {
        class: "charts",
        tabindex: 0,
        role: "application",
        "aria-roledescription": "charts",
        "aria-label": "Charts of the stream",
        "aria-describedby": "charts-keys"
      },
      this.#plots,
      element(
        "p",
        { id: "charts-keys", class: "for-ears" },
        "Arrow keys move in time, plus and minus show less or more of it, End goes to the newest window. ",
        "Shift with an arrow key reads one window after the other. There is a table of the same values below."
      )
    );
    this.redraw = framed(() => this.#draw(), signal);
    const words = () => {
      if (this.#scene) {
        describe(this.#panels, this.#scene, this.show().zone);
      }
    };
    this.#describe = settled(words, SUMMARY_MILLISECONDS, signal, LONGEST_MILLISECONDS);
    this.#listen(signal);
  }
  view;
  show;
  events;
  #panels = DRAWN.map((drawn) => new Panel(drawn));
  #strip;
  element;
  #plots;
  #palette = null;
  #scene = null;
  #width = 0;
  /** The instant that is pointed at: what is there may change while the pointer rests. */
  #pointed = null;
  redraw;
  #describe;
  /** Read the colours anew: the theme is another. */
  recolour() {
    this.#palette = null;
    this.redraw();
  }
  #listen(signal) {
    const sizes = new ResizeObserver(() => {
      this.#width = this.#plots.clientWidth;
      this.redraw();
    });
    sizes.observe(this.#plots);
    this.#watchDensity(signal);
    signal.addEventListener("abort", () => sizes.disconnect());
    listenForGestures(
      this.#plots,
      {
        dragged: (pixels) => this.view.pan(-pixels * this.#millisecondsPerPixel),
        zoomed: (factor, x) => this.view.zoom(factor, this.#timeAt(x)),
        pointed: (x) => this.#point(x === null ? null : this.#timeAt(x)),
        pressed: (x) => this.#press(x)
      },
      signal
    );
    const keys = chartKeys(this.view, {
      read: (direction) => this.#read(direction),
      begin: () => this.#begin(),
      rest: () => this.#point(null)
    });
    this.element.addEventListener("keydown", keys, { signal });
    this.element.addEventListener("blur", () => this.#point(null), { signal });
  }
  /** A window that is moved to another screen keeps its size, and is drawn for the other's pixels. */
  #watchDensity(signal) {
    const changed = () => {
      this.redraw();
      this.#watchDensity(signal);
    };
    if (!signal.aborted) {
      const density = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
      density.addEventListener("change", changed, { once: true, signal });
    }
  }
  #draw() {
    if (this.#width === 0) {
      return;
    }
    this.#palette ??= paletteOf(this.element);
    const { columns, gaps, begins, moments, selected, zone } = this.show();
    const { range } = this.view;
    const left = this.#width < WIDE_PIXELS ? 40 : 52;
    const labels = (this.#width - left) / PIXELS_A_LABEL;
    const ticks = timeTicks(range.from, range.to, labels, zone);
    const [palette, width] = [this.#palette, this.#width];
    const scene = { columns, range, gaps, begins, moments, selected, ticks, palette, width, left };
    this.#scene = scene;
    for (const panel of this.#panels) {
      panel.draw(scene);
    }
    this.#strip.draw(scene);
    this.#showPointed(scene, zone);
    expose(this.element, scene);
    this.#describe();
  }
  #showPointed(scene, zone) {
    const { columns, range } = scene;
    const index = this.#pointed === null ? -1 : indexNear(columns, this.#pointed);
    const window = columns.windows[index];
    if (!window || window.at < range.from || window.at > range.to) {
      const newest = indexAt(columns, range.to) - 1;
      this.#panels.forEach((panel) => panel.rest(columns.values[panel.drawn.metric][newest]));
      this.#strip.point(scene, null, zone, utc);
      return;
    }
    this.#panels.forEach((panel) => panel.point(scene, index));
    this.#strip.point(scene, window, zone, utc);
  }
  #point(at) {
    if (this.#pointed !== at) {
      this.#pointed = at;
      this.redraw();
    }
  }
  #press(x) {
    const scene = this.#scene;
    const at = this.#timeAt(x);
    const reach = PRESS_PIXELS * this.#millisecondsPerPixel;
    const near = (scene?.moments ?? []).filter((moment) => Math.abs(moment.at - at) <= reach);
    const [nearest] = near.sort((one, other) => Math.abs(one.at - at) - Math.abs(other.at - at));
    if (nearest) {
      this.events.chosen(nearest.key);
    }
  }
  #begin() {
    const oldest = this.#scene?.columns.at[0];
    if (oldest !== void 0) {
      this.view.begin(oldest);
    }
  }
  /** Point at the next window, or the one before, and say what it holds. */
  #read(direction) {
    const { columns, zone } = this.show();
    const { from, to } = this.view.range;
    const start = this.#pointed === null ? indexAt(columns, to) : indexNear(columns, this.#pointed);
    const index = Math.min(Math.max(start + direction, 0), columns.windows.length - 1);
    const window = columns.windows[index];
    if (!window) {
      return;
    }
    this.#point(window.at);
    if (window.at < from || window.at > to) {
      this.view.pan(window.at < from ? window.at - from : window.at - to);
    }
    const values = this.#panels.map(
      ({ drawn }) => `${drawn.title} ${drawn.format(columns.values[drawn.metric][index])}`
    );
    this.events.say(`${zone.time(window.at)}: ${values.join(", ")}`);
  }
  get #millisecondsPerPixel() {
    const scene = this.#scene;
    return scene ? this.view.span / (scene.width - scene.left - RIGHT) : 0;
  }
  #timeAt(x) {
    return this.view.range.from + (x - (this.#scene?.left ?? 0)) * this.#millisecondsPerPixel;
  }
};

// src/stream/data-table.ts
var MOST_ROWS = 200;
var HEADINGS = ["Window", "Messages", "Chat rate", "Chatters", "Viewers", "Sentiment", "z-score", "Top emotes"];
var DataTable = class {
  #note = element("p", { id: "windows-note", class: "quiet" });
  #body = element("tbody");
  #table = element(
    "table",
    { "aria-label": "Windows in view", "aria-describedby": "windows-note" },
    element("thead", {}, element("tr", {}, ...HEADINGS.map((heading) => element("th", { scope: "col" }, heading)))),
    this.#body
  );
  element = element(
    "div",
    { id: "windows-table", class: "table-place", hidden: true },
    this.#note,
    element("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Table of the windows in view" }, this.#table)
  );
  toggle;
  constructor(opened) {
    this.toggle = button(
      "Table",
      () => {
        this.element.hidden = !this.element.hidden;
        this.toggle.setAttribute("aria-expanded", String(!this.element.hidden));
        opened();
      },
      { "aria-expanded": "false", "aria-controls": "windows-table" }
    );
  }
  get isOpen() {
    return !this.element.hidden;
  }
  /** Show these windows, which are in the order of time: the newest first, and not more than can be read. */
  show(windows, zone) {
    if (!this.isOpen) {
      return;
    }
    const shown2 = windows.slice(-MOST_ROWS).toReversed();
    this.#note.textContent = shown2.length < windows.length ? `The newest ${shown2.length} of ${count(windows.length)} windows in view. Show less time to see the others.` : `All ${windows.length} windows in view, the newest first.`;
    fill(this.#body, ...shown2.map((window) => rowOf(window, zone)));
  }
};
function rowOf(window, zone) {
  const cells = [
    count(window.messages),
    rate(window.rate),
    count(window.chatters),
    count(window.viewers),
    sentiment(window.sentiment),
    sentiment(window.score),
    window.emotes.join(" ")
  ];
  const start = new Date(window.at).toISOString();
  return element(
    "tr",
    { "data-start": start, class: window.isAnomaly ? "is-unusual" : null },
    element("th", { scope: "row" }, element("time", { datetime: start }, `${zone.day(window.at)}, ${zone.timeWithSeconds(window.at)}`)),
    ...cells.map((cell) => element("td", {}, cell))
  );
}

// src/stream/span-choice.ts
var HOUR2 = 36e5;
var SPANS = [
  ["1 h", "Show one hour", HOUR2],
  ["6 h", "Show six hours", 6 * HOUR2],
  ["1 d", "Show one day", 24 * HOUR2],
  ["7 d", "Show seven days", 7 * 24 * HOUR2]
];
var SpanChoice = class {
  constructor(view) {
    this.view = view;
    this.#choices = SPANS.map(([text, label, span]) => ({ span, element: button(label, () => view.showSpan(span), {}, text) }));
    this.#all = button("Show all there is", () => view.fit(), {}, "All");
    this.element = element(
      "div",
      { class: "choices", role: "group", "aria-label": "How much time is shown" },
      ...this.#choices.map((choice) => choice.element),
      this.#all
    );
  }
  view;
  element;
  #choices;
  #all;
  /** Show which of them is what is shown. */
  update() {
    for (const choice of this.#choices) {
      choice.element.setAttribute("aria-pressed", String(!this.view.isFitted && choice.span === this.view.span));
    }
    this.#all.setAttribute("aria-pressed", String(this.view.isFitted));
  }
};

// src/stream/chart-card.ts
var ChartCard = class {
  constructor(view, show2, events, downloads2, signal) {
    this.view = view;
    this.events = events;
    this.downloads = downloads2;
    this.stack = new ChartStack(view, show2, { chosen: events.chosenMoment, say: events.say }, signal);
    this.table = new DataTable(events.opened);
    this.#spans = new SpanChoice(view);
    this.#newest = button("Go to the newest window", () => view.follow(), { title: "End" }, "Newest");
    this.#back = button("Go back to where you were", () => events.back(), { title: "Esc", hidden: true }, "↩ Back");
    this.#lengths.addEventListener("change", () => events.chosenLength(Number(this.#lengths.value)));
    const middle = () => (view.range.from + view.range.to) / 2;
    this.element = element(
      "section",
      { class: "card chart-card", "aria-label": "Charts" },
      element(
        "div",
        { class: "toolbar" },
        this.#spans.element,
        element(
          "div",
          { class: "choices", role: "group", "aria-label": "Zoom" },
          button("Show more time", () => view.zoom(2, middle()), {}, "−"),
          button("Show less time", () => view.zoom(0.5, middle()), {}, "+")
        ),
        this.#newest,
        this.#back,
        element("span", { class: "filler" }),
        this.#lengths,
        this.table.toggle,
        downloads2.menu
      ),
      this.stack.element,
      element("div", { class: "chart-foot" }, this.#history, this.#zone),
      this.table.element
    );
  }
  view;
  events;
  downloads;
  stack;
  table;
  element;
  #spans;
  #newest;
  #back;
  #lengths = element("select", { "aria-label": "Which windows are drawn" });
  #history = element("p", { class: "quiet history" });
  #zone = element("p", { class: "quiet" });
  /** Show where the view is. */
  update(zone) {
    this.#spans.update();
    this.#newest.setAttribute("aria-pressed", String(this.view.isFollowing));
    this.#back.hidden = !this.view.canReturn;
    setText(this.#zone, `Times in ${zone.label(this.view.range.to)}`);
  }
  /** Offer the lengths of windows that there are, where there is more than one. */
  offerLengths(columns) {
    const offered = columns.lengths.join();
    this.#lengths.hidden = columns.lengths.length < 2;
    if (this.#lengths.dataset["offered"] !== offered) {
      this.#lengths.dataset["offered"] = offered;
      fill(this.#lengths, ...columns.lengths.map((length) => element("option", { value: length }, `Windows of ${duration(length)}`)));
    }
    this.#lengths.value = String(columns.length);
  }
  /** Say how reading older windows goes. */
  tellHistory(state, error, hasAll, zone, oldest) {
    this.stack.element.setAttribute("aria-busy", String(state === "loading"));
    const since = oldest ? `since ${zone.dayAndTime(oldest.at)}` : "";
    const isCut = this.view.isCut(state === "idle");
    const told = `${state} ${hasAll} ${isCut} ${since}`;
    if (this.#history.dataset["told"] === told) {
      return;
    }
    this.#history.dataset["told"] = told;
    if (state === "loading") {
      fill(this.#history, "Loading older windows…");
    } else if (state === "waiting" || state === "failed") {
      fill(
        this.#history,
        `Older windows could not be read: ${faultOf(error).title.toLowerCase()}. `,
        button("Try again", () => this.events.retry(), { class: "plain" })
      );
    } else if (isCut) {
      fill(this.#history, `These are the newest: no more than ${count(MOST)} windows are drawn at once. The download has all: `, this.downloads.allWindows);
    } else {
      fill(this.#history, hasAll ? `All of its history, ${since}` : `Loaded ${since}; drag to the right for more`);
    }
  }
};
function windowsInView(columns, view) {
  const { from, to } = view.range;
  return columns.windows.slice(indexAt(columns, from), indexAt(columns, to));
}

// src/stream/downloads.ts
var ALL_WINDOWS = { label: "All windows, CSV", of: "metrics", format: "csv", ofRange: false };
var DOWNLOADS = [
  { label: "Windows in view, CSV", of: "metrics", format: "csv", ofRange: true },
  { label: "Windows in view, NDJSON", of: "metrics", format: "ndjson", ofRange: true },
  ALL_WINDOWS,
  { label: "Moments, CSV", of: "moments", format: "csv", ofRange: false },
  { label: "Moments as chapters", of: "moments", format: "chapters", ofRange: false },
  { label: "Moments as EDL", of: "moments", format: "edl", ofRange: false }
];
function downloads(session, streamId, range, signal) {
  const href = (download) => {
    const query = new URLSearchParams({ format: download.format });
    if (download.ofRange) {
      const { from, to } = range();
      query.set("start_time", new Date(from).toISOString());
      query.set("end_time", new Date(to).toISOString());
    }
    return session.address(`api/v1/streams/${encodeURIComponent(streamId)}/${download.of}?${query}`);
  };
  const trouble = element("p", { class: "menu-trouble", role: "alert" });
  const failed = (error) => {
    const { title, detail } = faultOf(error);
    setText(trouble, `${title}. ${detail}`);
    menu.open = true;
  };
  const linkTo = (download) => {
    const link = element("a", { download: true, href: href(download) }, download.label);
    link.addEventListener("click", (event) => {
      link.href = href(download);
      if (session.token !== null) {
        event.preventDefault();
        setText(trouble, "");
        const ending2 = download.format === "chapters" ? "chapters.txt" : download.format;
        void save(link.href, session.token, `${streamId}-${download.of}.${ending2}`).catch(failed);
      }
    });
    return link;
  };
  const links = DOWNLOADS.map(linkTo);
  const menu = element("details", { class: "menu" }, element("summary", {}, "Download"), element("div", {}, element("ul", {}, ...links.map((link) => element("li", {}, link))), trouble));
  menu.addEventListener("toggle", () => {
    links.forEach((link, index) => link.setAttribute("href", href(DOWNLOADS[index])));
  });
  const pressed = (event) => {
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
async function save(address, token, name) {
  const answer = await fetch(address, { headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => null);
    throw new TelemetraError(problem?.detail ?? `HTTP ${answer.status}`, answer.status, problem);
  }
  const link = element("a", { href: URL.createObjectURL(await answer.blob()), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

// src/stream/emotes.ts
var SHOWN = 8;
var Emotes = class {
  #list = element("ol", { class: "emotes" });
  #unit = element("p", { class: "quiet" });
  element = element(
    "section",
    { class: "card side", "aria-labelledby": "emotes-title" },
    element("div", { class: "card-head" }, element("h2", { id: "emotes-title" }, "Top emotes in view")),
    this.#unit,
    this.#list
  );
  show(windows) {
    const top = topEmotes(windows);
    const withChat = windows.filter((window) => window.emotes.length > 0).length;
    this.#unit.textContent = top.length > 0 ? `In how many of ${count(withChat)} windows with emotes each is among the most used.` : "None in the windows in view.";
    const most = top[0]?.[1] ?? 1;
    fill(
      this.#list,
      ...top.map(([emote, windowCount]) => {
        const bar = element("span", { class: "bar", "aria-hidden": "true" });
        bar.style.inlineSize = `${100 * windowCount / most}%`;
        return element("li", {}, foreign(emote, { class: "emote" }), element("span", { class: "bar-place" }, bar), element("span", { class: "bar-value" }, count(windowCount)));
      })
    );
  }
};
function topEmotes(windows) {
  const counts = /* @__PURE__ */ new Map();
  for (const window of windows) {
    for (const emote of window.emotes) {
      counts.set(emote, (counts.get(emote) ?? 0) + 1);
    }
  }
  return [...counts].sort(([name, number], [otherName, otherNumber]) => otherNumber - number || (name < otherName ? -1 : 1)).slice(0, SHOWN);
}

// src/stream/figures.ts
var TILES = [
  { name: "rate", label: "Chat rate", unit: "messages/s", value: (window) => rate(window.rate) },
  { name: "messages", label: "Messages", unit: "in the window", value: (window) => count(window.messages) },
  { name: "chatters", label: "Unique chatters", unit: "in the window", value: (window) => count(window.chatters) },
  { name: "viewers", label: "Viewers", unit: "mean", value: (window) => count(window.viewers) },
  { name: "sentiment", label: "Sentiment", unit: "−1 to 1", value: (window) => sentiment(window.sentiment) }
];
var Figures = class {
  #values = TILES.map((tile) => ({
    tile,
    element: element("dd", { "data-figure": tile.name }, "–")
  }));
  #unusual = element("span", { class: "unusual", hidden: true });
  #when = element("p", { class: "quiet when" });
  element = element(
    "section",
    { "aria-label": "Newest window" },
    element(
      "dl",
      { class: "figures" },
      ...this.#values.map(
        ({ tile, element: value }) => element("div", { class: `figure figure-${tile.name}` }, element("dt", {}, tile.label), value, element("dd", { class: "unit" }, tile.unit))
      )
    ),
    this.#when
  );
  #window = null;
  show(window, zone) {
    this.#window = window;
    for (const { tile, element: value } of this.#values) {
      setText(value, window ? tile.value(window) : "–");
    }
    this.#unusual.hidden = !window?.isAnomaly;
    setText(this.#unusual, `unusual: z ${sentiment(window?.score)}`);
    this.age(zone);
  }
  /** Say anew how old the figures are. */
  age(zone) {
    const window = this.#window;
    if (!window) {
      setText(this.#when, "");
      return;
    }
    const needsSeconds = window.at % 6e4 !== 0 || window.until % 6e4 !== 0;
    const [start, end] = [window.at, window.until].map((at) => needsSeconds ? zone.timeWithSeconds(at) : zone.time(at));
    const text = `Newest window: ${zone.dayWithYear(window.at)}, ${start}–${end}, ${ending(window.at, window.until, Date.now())}`;
    if (this.#when.firstChild?.textContent !== text) {
      this.#when.replaceChildren(text, this.#unusual);
    }
    this.#when.dataset["start"] = new Date(window.at).toISOString();
  }
};

// src/stream/moments-list.ts
var MOST_LISTED = 1e3;
var EXPLAINED = {
  method: "Compared by",
  baseline_windows: "Baseline, windows",
  baseline_centre: "Usual value",
  baseline_spread: "Usual spread"
};
var MomentsList = class {
  constructor(events) {
    this.events = events;
    this.#older = button("Show older moments", () => events.older(), { class: "plain" });
    this.element = element(
      "section",
      { class: "card side", "aria-labelledby": "moments-title" },
      element("div", { class: "card-head" }, element("h2", { id: "moments-title" }, "Moments"), this.#count),
      this.#none,
      this.#list,
      this.#older
    );
  }
  events;
  #list = element("ol", { class: "moments", "aria-label": "Moments, the newest first" });
  #older;
  #none = element("p", { class: "quiet" }, "None so far. A moment is a window that is unlike those before it.");
  #count = element("span", { class: "unit" });
  element;
  #items = /* @__PURE__ */ new Map();
  /** Show these, which are in the order of time. */
  show(moments, selected, hasOlder, zone) {
    const focused = document.activeElement?.closest("[data-moment]")?.getAttribute("data-moment");
    const shown2 = moments.slice(-MOST_LISTED).toReversed();
    this.#items = new Map(shown2.map((moment) => [moment.key, this.#item(moment, moment.key === selected, zone)]));
    fill(this.#list, ...this.#items.values());
    this.#none.hidden = shown2.length > 0;
    this.#older.hidden = !hasOlder;
    this.#count.textContent = shown2.length > 0 ? `${shown2.length}${hasOlder ? "+" : ""}` : "";
    if (focused) {
      this.#items.get(focused)?.querySelector("button")?.focus({ preventScroll: true });
    }
  }
  /** Bring a moment into the part of the list that is seen. */
  reveal(key) {
    const item = this.#items.get(key);
    if (item) {
      const list = this.#list;
      const place = item.offsetTop - list.offsetTop;
      if (place < list.scrollTop || place + item.offsetHeight > list.scrollTop + list.clientHeight) {
        list.scrollTop = place - 8;
      }
    }
  }
  #item(moment, isSelected, zone) {
    const kind = kindOf(moment.type);
    const head = button(
      "",
      () => this.events.chosen(moment.key),
      { class: "moment-head", "aria-expanded": String(isSelected) },
      element("span", { class: `sign sign-${kind.metric}`, "aria-hidden": "true" }, kind.sign),
      element("span", { class: "moment-type" }, foreign(kind.title)),
      element("time", { class: "moment-time", datetime: new Date(moment.at).toISOString() }, when(moment.at, zone)),
      element("span", { class: "moment-text" }, foreign(moment.description ?? "No description."))
    );
    head.removeAttribute("aria-label");
    const item = element("li", { "data-moment": moment.key }, head, isSelected && explanation(moment));
    setAttributes(item, { class: isSelected ? "moment is-selected" : "moment" });
    return item;
  }
};
function when(at, zone) {
  return at % 6e4 === 0 ? zone.dayAndTime(at) : `${zone.dayWithYear(at)}, ${zone.timeWithSeconds(at)}`;
}
function explanation(moment) {
  const known = Object.entries(EXPLAINED).filter(([name]) => name in moment.metadata);
  const others = Object.entries(moment.metadata).filter(([name]) => !(name in EXPLAINED));
  const rows = [
    ["Metric", moment.metricName ?? "–"],
    ["Value", rate(moment.metricValue)],
    ["Threshold", rate(moment.threshold)],
    ["z-score", sentiment(moment.score)],
    ...known.map(([name, label]) => [label, shown(moment.metadata[name])]),
    ...others.map(([name, value]) => [name, shown(value)])
  ];
  return element(
    "dl",
    { class: "explanation" },
    ...rows.flatMap(([label, value]) => [element("dt", {}, foreign(label)), element("dd", {}, foreign(value))])
  );
}
function shown(value) {
  if (typeof value === "number") {
    return Number.isInteger(value) ? count(value) : rate(value);
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}

// src/stream/connection-badge.ts
var SAID_AFTER_MILLISECONDS = 2e3;
var SAID = {
  connecting: "The connection is lost. Reconnecting.",
  connected: "Connected again.",
  waiting: "The connection is lost. Reconnecting.",
  offline: "You are offline.",
  ended: "Live updates have ended."
};
var TITLES = {
  connecting: "",
  connected: "Connected: changes are shown as they are committed",
  waiting: "What is written meanwhile is shown when the connection is back",
  offline: "What is written meanwhile is shown when the network is back",
  ended: "Reload the page to try again"
};
var ConnectionBadge = class {
  constructor(say, isOfNow2, signal) {
    this.say = say;
    this.isOfNow = isOfNow2;
    this.#say = settled(() => this.#speak(), SAID_AFTER_MILLISECONDS, signal);
    everySeen(1e3, () => this.look(), signal);
    addEventListener("online", () => this.look(), { signal });
    addEventListener("offline", () => this.look(), { signal });
  }
  say;
  isOfNow;
  #label = element("span", { class: "badge-label" }, "Connecting…");
  #reason = element("span", { class: "badge-reason" });
  element = element(
    "div",
    { class: "badge", "data-state": "connecting" },
    element("span", { class: "badge-light", "aria-hidden": "true" }),
    this.#label,
    this.#reason
  );
  #say;
  #status = null;
  #kind = "connecting";
  /** What is known to who listens; that it connects at first goes without saying. */
  #said = null;
  tell(status) {
    this.#status = status;
    this.look();
  }
  /** Look anew at what there is to show. */
  look() {
    const status = this.#status;
    const before2 = this.#kind;
    this.#kind = kindOf2(status);
    const isLive = this.#kind === "connected" && this.isOfNow();
    this.element.dataset["state"] = isLive ? "live" : this.#kind;
    this.element.title = TITLES[this.#kind];
    setText(this.#label, isLive ? "Live" : labelOf(this.#kind, status));
    setText(this.#reason, this.#kind === "connected" ? "" : status?.reason ?? "");
    if (this.#kind === "connected") {
      this.#said ??= "connected";
    }
    if (isTrying(this.#kind) ? !isTrying(before2) : this.#kind !== before2) {
      this.#say();
    }
  }
  #speak() {
    const isSame = this.#kind === this.#said || isTrying(this.#kind) && (this.#said === null || isTrying(this.#said));
    if (!isSame) {
      this.#said = this.#kind;
      this.say(SAID[this.#kind]);
    }
  }
};
function isTrying(kind) {
  return kind === "connecting" || kind === "waiting";
}
function kindOf2(status) {
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
function labelOf(kind, status) {
  switch (kind) {
    case "connected":
      return "Connected";
    case "offline":
      return "Offline";
    case "ended":
      return "Ended";
    case "waiting": {
      const seconds = Math.max(0, Math.ceil(((status?.retryAt ?? 0) - Date.now()) / 1e3));
      return seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…";
    }
    default:
      return status?.reason ? "Reconnecting…" : "Connecting…";
  }
}

// src/stream/stream-head.ts
var UNKNOWN = "Nothing is stored under this id. What is written is here within ten seconds.";
var StreamHead = class {
  badge;
  element;
  #heading = element("h1", { tabindex: -1 });
  constructor(streamId, say, isOfNow2, signal) {
    this.badge = new ConnectionBadge(say, isOfNow2, signal);
    this.element = element(
      "div",
      { class: "page-head stream-head" },
      element("p", { class: "crumb" }, element("a", { href: "#/" }, "← All streams")),
      this.#heading,
      element("p", { class: "stream-id" }, foreign(streamId)),
      this.badge.element
    );
  }
  /** Show a name; return whether it is another one than before. */
  name(title) {
    const isOther = this.#heading.textContent !== title;
    if (isOther) {
      fill(this.#heading, foreign(title));
    }
    return isOther;
  }
  /** Whether there is a connection to tell of at all. */
  isConnecting(isIt) {
    this.badge.element.hidden = !isIt;
  }
};
function nothingYet() {
  return element(
    "div",
    { class: "notice" },
    element("h2", {}, "No windows yet"),
    element("p", {}, "The stream is known, but nothing has been measured. Windows appear here as they are written.")
  );
}

// src/stream/presence.ts
var Presence = class {
  /** `read` asks the service itself for something of the stream; `changed` is called when there is one again. */
  constructor(data, head, trouble, read2, changed) {
    this.data = data;
    this.head = head;
    this.trouble = trouble;
    this.read = read2;
    this.changed = changed;
  }
  data;
  head;
  trouble;
  read;
  changed;
  /** Nothing is left of the stream. It is still followed: what is written under its id again is shown at once. */
  #isGone = false;
  /** At which state of the rows the service was asked whether there is still a stream. */
  #askedAt = "";
  /** There are windows. */
  tellFull() {
    if (this.#isGone) {
      this.#isGone = false;
      this.trouble.passed();
    }
  }
  /** There are no windows: none yet, or none any more, as of a stream that was deleted. */
  tellEmpty() {
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
  async findOutWhy() {
    try {
      await this.read();
    } catch (error) {
      this.trouble.failed(error, () => location.reload());
    }
  }
  async #ask() {
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
};

// src/stream/stream-page.ts
var FIRST_SHOWN = 180;
var AHEAD_SHARE = 0.5;
var MOST_AHEAD = 2e3;
var StreamPage = class {
  constructor(shell2, streamId, signal) {
    this.shell = shell2;
    this.streamId = streamId;
    this.signal = signal;
    this.#refresh = framed(() => this.#update(), signal);
    this.#settle = settled(() => this.#showInView(), 200, signal);
    this.#trouble = new Trouble(() => shell2.askForToken(), signal);
    this.#head = new StreamHead(streamId, (text) => shell2.announcer.say(text), () => this.#isOfNow, signal);
    this.#data = new StreamData(
      shell2.session.client,
      streamId,
      { changed: () => this.#refresh(), status: (status) => this.#tellStatus(status) },
      signal
    );
    this.#presence = new Presence(
      this.#data,
      this.#head,
      this.#trouble,
      () => shell2.session.client.metrics(streamId, { limit: 1 }, { signal, noCache: true }),
      this.#refresh
    );
    this.#view = new View(() => this.#moved());
    this.#moments = new MomentsList({
      chosen: (key) => this.#choose(key, true),
      older: () => this.#data.moments.want(this.#data.moments.coverage.start - 1, Infinity)
    });
    this.#charts = this.#makeCharts();
    this.#body = element(
      "div",
      { class: "stream-body", hidden: true },
      this.#figures.element,
      element("div", { class: "columns" }, this.#charts.element, element("div", { class: "sides" }, this.#moments.element, this.#emotes.element))
    );
    this.element = element("div", { class: "page" }, this.#head.element, this.#trouble.element, this.#body);
    this.#nameIt();
    everySeen(1e3, () => this.#figures.age(shell2.zone.zone), signal);
    document.addEventListener("keydown", (event) => this.#heard(event), { signal });
    shell2.zone.onChange(() => this.#rezone(), signal);
    shell2.theme.onChange(() => this.#charts.stack.recolour(), signal);
  }
  shell;
  streamId;
  signal;
  element;
  #data;
  #view;
  #charts;
  #head;
  #figures = new Figures();
  #moments;
  #emotes = new Emotes();
  #trouble;
  #presence;
  #body;
  #refresh;
  #settle;
  #columns = columnsOf([], null);
  #drawn = { rows: -1, moments: "" };
  #length = null;
  #selected = null;
  #isOpen = false;
  #isShown = false;
  get title() {
    return this.#data.stream?.title?.trim() || this.streamId;
  }
  /** Read and go live; show what goes wrong, and try again what may pass. */
  async open() {
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
      this.#trouble.failed(error, () => void this.open(), (fault) => fault.kind === "unknown" ? UNKNOWN : fault.detail);
    }
  }
  #tellStatus(status) {
    this.#head.badge.tell(status);
    if (status.error) {
      void this.#presence.findOutWhy();
    }
  }
  #makeCharts() {
    const { session, announcer } = this.shell;
    const say = (text) => announcer.say(text);
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
          zone: this.shell.zone.zone
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
        opened: () => this.#showInView()
      },
      files,
      this.signal
    );
  }
  #nameIt() {
    if (this.#head.name(this.title)) {
      this.shell.name(this.title);
    }
  }
  /** Bring everything to what the data is now. */
  #update() {
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
  #showFirst() {
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
  get #isOfNow() {
    const newest = this.#columns.windows.at(-1);
    return newest !== void 0 && isOfNow(newest, Date.now());
  }
  /** End of the newest window that is drawn. */
  get #newest() {
    return this.#columns.windows.at(-1)?.until ?? 0;
  }
  #moved() {
    this.#charts.update(this.shell.zone.zone);
    this.#want();
    this.#tellHistory();
    this.#charts.stack.redraw();
    this.#settle();
  }
  #want() {
    if (this.#isOpen && this.#isShown) {
      const { from, to } = this.#view.range;
      const ahead = Math.min((to - from) * AHEAD_SHARE, MOST_AHEAD * this.#columns.step);
      this.#data.want(from - ahead, this.#view.isFollowing ? Infinity : to + ahead);
    }
  }
  #tellHistory() {
    const { history, rows, beginning } = this.#data;
    this.#charts.tellHistory(history.state, history.error, beginning !== null, this.shell.zone.zone, rows.list[0]);
  }
  #showMoments() {
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
  #choose(key, goThere) {
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
  #leaveMoment() {
    this.#selected = null;
    this.#view.goBack();
    this.#showMoments();
    this.#charts.stack.redraw();
  }
  /** Escape leaves a moment wherever the focus is, unless something that is open there wants the key for itself. */
  #heard({ key, target }) {
    const isHere = target === document.body || target instanceof Node && this.#body.contains(target);
    if (key === "Escape" && isHere) {
      this.#leaveMoment();
    }
  }
  #showInView() {
    const windows = windowsInView(this.#columns, this.#view);
    this.#emotes.show(windows);
    this.#charts.table.show(windows, this.shell.zone.zone);
  }
  #rezone() {
    const { zone } = this.shell.zone;
    this.#figures.age(zone);
    this.#charts.update(zone);
    this.#showMoments();
    this.#tellHistory();
    this.#showInView();
    this.#charts.stack.redraw();
  }
};

// src/main.ts
var page = new AbortController();
function show() {
  page.abort();
  page = new AbortController();
  const route = routeOf(location.hash);
  const shown2 = route.page === "stream" ? new StreamPage(shell, route.streamId, page.signal) : new ListPage(shell, page.signal);
  shell.show(shown2.element, shown2.title);
  void shown2.open();
}
var shell = new Shell(new Session(), show, () => page.abort());
addEventListener("hashchange", show);
show();
