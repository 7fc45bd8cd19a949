"use strict";

// Shows an AsyncAPI document of WebSockets: how to connect, the messages with their fields, and how it ends. Every text
// of the document becomes a text on the page, and never markup.

const main = document.getElementById("main");
const state = document.getElementById("state");

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    made.setAttribute(key, value);
  }
  made.append(...children.flat(Infinity));
  return made;
}

/** Of CommonMark what the document uses: `code`, **strong**, [links](to). */
function inline(text) {
  const marks = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)\s]+)\)/g;
  const parts = [];
  let at = 0;
  for (const mark of text.matchAll(marks)) {
    parts.push(text.slice(at, mark.index));
    const [whole, code, strong, label, target] = mark;
    if (code) parts.push(element("code", {}, code));
    else if (strong) parts.push(element("strong", {}, strong));
    else parts.push(element("a", { href: target }, label));
    at = mark.index + whole.length;
  }
  parts.push(text.slice(at));
  return parts;
}

function prose(text) {
  return (text ?? "")
    .split(/\n\s*\n/)
    .filter((paragraph) => paragraph.trim())
    .map((paragraph) => element("p", {}, inline(paragraph.trim())));
}

/** Something to copy; where the browser lets no page write its clipboard, without the button. */
function listing(text, label) {
  const name = label.replaceAll("`", "");
  const code = element("pre", { tabindex: "0", role: "group", "aria-label": name }, element("code", {}, text));
  const box = element("div", { class: "listing" }, code);
  if (navigator.clipboard) {
    const button = element("button", { type: "button", "aria-label": `Copy: ${name}` }, "Copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    box.append(button);
  }
  return box;
}

function section(id, title, ...children) {
  const heading = `${id}-title`;
  return element(
    "section",
    { id, "aria-labelledby": heading },
    element("h2", { id: heading }, element("a", { href: `#${id}` }, title)),
    ...children,
  );
}

const last = (reference) => reference.split("/").at(-1);

/** What a value may be, in words, with links to the types that have fields. */
function kind(schema) {
  if (schema.$ref) return [element("a", { href: `#type-${last(schema.$ref)}` }, last(schema.$ref))];
  if (schema.allOf) return schema.allOf.flatMap(kind);
  if (schema.anyOf) return schema.anyOf.flatMap((one, place) => (place ? [" or ", ...kind(one)] : kind(one)));
  if (schema.enum) {
    return schema.enum.flatMap((one, place) => [place ? " or " : "", element("code", {}, JSON.stringify(one))]);
  }
  if (schema.type === "array") return ["array of ", ...kind(schema.items ?? {})];
  const format = schema.format ? ` (${schema.format})` : "";
  return [`${schema.type ?? "anything"}${format}`];
}

function field(name, schema, note) {
  return element(
    "div",
    {},
    element("dt", {}, element("code", {}, name), " ", element("span", { class: "kind" }, kind(schema), note)),
    element("dd", {}, inline(schema.description ?? "")),
  );
}

function fields(schema) {
  if (!schema.properties) return element("p", {}, "One of ", kind(schema), ".");
  const required = new Set(schema.required);
  const told = Object.entries(schema.properties);
  return element(
    "dl",
    { class: "fields" },
    told.map(([name, one]) => field(name, one, required.has(name) ? "" : ", may be missing")),
  );
}

function message(one, components) {
  const id = `message-${one.name}`;
  const examples = one.examples.map((example) =>
    element(
      "details",
      {},
      element("summary", {}, "Example: ", inline(example.summary)),
      listing(JSON.stringify(example.payload, null, 2), `Example of ${one.name}: ${example.summary}`),
    ),
  );
  return element(
    "article",
    { id, "aria-labelledby": `${id}-title` },
    element("h3", { id: `${id}-title` }, element("code", {}, one.name), ` ${one.title}`),
    prose(one.summary),
    fields(components.schemas[last(one.payload.$ref)]),
    examples,
  );
}

function operation(name, one, components) {
  const told = (references) => references.map(({ $ref }) => message(components.messages[last($ref)], components));
  return section(
    `operation-${name}`,
    one.title,
    prose(one.summary),
    told(one.messages),
    one.reply ? [element("p", { class: "answer" }, "The answer:"), told(one.reply.messages)] : [],
  );
}

/** The socket's address as this page was reached, under a proxy's prefix and behind its encryption too. */
function address(channel) {
  const base = new URL(".", location.href);
  const scheme = base.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${base.host}${base.pathname}${channel.address.replace(/^\//, "")}`;
}

function connecting(channel, components) {
  const template = address(channel);
  const example = Object.entries(channel.parameters).reduce(
    (path, [name, told]) => path.replace(`{${name}}`, encodeURIComponent(told.examples[0])),
    template,
  );
  const path = Object.entries(channel.parameters).map(([name, told]) =>
    field(name, { type: "string", description: told.description }, ", in the path"),
  );
  const query = Object.entries(channel.bindings.ws.query.properties).map(([name, told]) =>
    field(name, told, ", in the query, may be missing"),
  );
  const schemes = Object.entries(components.securitySchemes).map(([name, told]) =>
    element("div", {}, element("dt", {}, element("code", {}, name)), element("dd", {}, inline(told.description))),
  );
  const script = `const socket = new WebSocket(${JSON.stringify(example)});
socket.onmessage = ({ data }) => console.log(JSON.parse(data));`;
  return [
    section(
      "connect",
      "Connect",
      listing(template, "The address"),
      element("dl", { class: "fields" }, path, query),
      element("h3", {}, "In a browser"),
      listing(script, "How a browser connects"),
      element("h3", {}, "In a terminal"),
      listing(`python -m websockets ${example}`, "How to connect in a terminal"),
    ),
    section("rules", "How it goes", prose(channel.description)),
    section(
      "tokens",
      "Tokens",
      element("p", {}, "Where the service asks for one; either is enough."),
      element("dl", { class: "fields" }, schemes),
    ),
  ];
}

function closing(codes) {
  const rows = codes.map((one) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, element("code", {}, String(one.code))),
      element("td", {}, element("p", {}, inline(one.meaning)), element("p", { class: "advice" }, inline(one.advice))),
      element("td", { class: one.reconnect ? "yes" : "no" }, one.reconnect ? "yes" : "no"),
    ),
  );
  const head = ["Code", "What has happened, and what to do", "Reconnect?"].map((title) =>
    element("th", { scope: "col" }, title),
  );
  return section(
    "closing",
    "Close codes",
    element("table", {}, element("thead", {}, element("tr", {}, head)), element("tbody", {}, rows)),
  );
}

function types(components) {
  const ofMessages = new Set(Object.values(components.messages).map((one) => last(one.payload.$ref)));
  const others = Object.entries(components.schemas).filter(([name]) => !ofMessages.has(name));
  const articles = others.map(([name, schema]) =>
    element(
      "article",
      { id: `type-${name}`, "aria-labelledby": `type-${name}-title` },
      element("h3", { id: `type-${name}-title` }, element("code", {}, name)),
      prose(schema.description),
      fields(schema),
    ),
  );
  return section("types", "Types", element("p", {}, "What stands in the messages, and in answers over HTTP."), articles);
}

function contents() {
  const items = [...main.querySelectorAll("section")].map((one) => {
    const inner = [...one.querySelectorAll("article")].map((article) =>
      element(
        "li",
        {},
        element("a", { href: `#${article.id}` }, element("code", {}, article.querySelector("h3 code").textContent)),
      ),
    );
    const title = one.querySelector("h2").textContent;
    const link = element("a", { href: `#${one.id}` }, title);
    return element("li", {}, link, inner.length ? element("ul", {}, inner) : "");
  });
  return element("ul", {}, items);
}

function show(told) {
  const { channels, components, operations } = told;
  main.append(element("h1", {}, `${told.info.title}: the live socket`), ...prose(told.info.description));
  for (const [name, channel] of Object.entries(channels)) {
    const ofChannel = Object.entries(operations).filter(([, one]) => last(one.channel.$ref) === name);
    main.append(
      ...connecting(channel, components),
      ...ofChannel.map(([id, one]) => operation(id, one, components)),
      closing(channel["x-close-codes"]),
    );
  }
  main.append(types(components));
  document.getElementById("contents").append(contents());
}

async function begin() {
  try {
    const answer = await fetch(main.dataset.document);
    if (!answer.ok) throw new Error(`the answer was ${answer.status}`);
    show(await answer.json());
    state.remove();
    // What the address names has only come now.
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  } catch (error) {
    state.setAttribute("role", "alert");
    state.textContent = `The document can't be shown (${error.message}). Load the page again.`;
  } finally {
    main.setAttribute("aria-busy", "false");
  }
}

begin();
