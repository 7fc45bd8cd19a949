/** What is around every page: the head with its switches, the place of the page, and what is said and asked beside it. */

import { button, element, fill, setText } from "../elements.js";
import type { Session } from "../session.js";
import { Announcer } from "./announcer.js";
import { Shortcuts } from "./shortcuts.js";
import { ThemeChoice } from "./theme.js";
import { tokenForm } from "./token-form.js";
import { ZoneChoice } from "./zone-choice.js";

const never = new AbortController().signal;
const THEMES = { system: "Colours: system", light: "Colours: light", dark: "Colours: dark" } as const;
const THEME_SIGNS = { system: "◐", light: "☀", dark: "☾" } as const;

export class Shell {
  readonly announcer = new Announcer();
  readonly theme = new ThemeChoice();
  readonly zone = new ZoneChoice();
  readonly #shortcuts = new Shortcuts();
  readonly #main = element("main", { id: "main", tabindex: -1 });
  readonly #forget: HTMLButtonElement;
  readonly #service: string;

  /** `restart` shows the page anew; `leave` ends it, as somebody is about to be asked something in its place. */
  constructor(
    readonly session: Session,
    private readonly restart: () => void,
    private readonly leave: () => void,
  ) {
    // The page is served with the service's own name as its title.
    this.#service = document.title;
    this.#forget = button("Forget the token", () => this.#useToken(null), { class: "plain" });
    this.#build();
    this.#shortcuts.on("g", () => (location.hash = "#/"));
    this.#shortcuts.on("t", () => this.theme.turn());
    this.#shortcuts.on("u", () => this.zone.turn());
    this.#shortcuts.on("/", () => this.#search());
  }

  /** Show a page, name it, and begin reading at its heading. */
  show(page: HTMLElement, title: string): void {
    fill(this.#main, page);
    this.name(title);
    this.#forget.hidden = this.session.token === null;
    scrollTo(0, 0);
    // Who listens is told that the page is another; who looks sees no ring around the heading.
    this.#main.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
  }

  name(title: string): void {
    document.title = title === this.#service ? title : `${title} · ${this.#service}`;
  }

  /** Ask for a token in place of the page. */
  askForToken(): void {
    this.leave();
    const form = tokenForm(this.session.token !== null, (token) => this.#useToken(token));
    fill(this.#main, element("h1", { class: "for-ears" }, this.#service), form.element);
    this.#forget.hidden = this.session.token === null;
    form.focus();
  }

  #useToken(token: string | null): void {
    this.session.use(token);
    this.restart();
  }

  #search(): void {
    const field = document.querySelector<HTMLInputElement>("input[type=search]");
    if (field) {
      field.focus();
    } else {
      location.hash = "#/";
    }
  }

  /** Where what is shown here is documented for programs. */
  #foot(): HTMLElement {
    const link = (path: string, text: string): HTMLElement => element("a", { href: this.session.address(path) }, text);
    return element(
      "footer",
      { class: "foot quiet" },
      "For programs: ",
      link("docs", "REST API"),
      " · ",
      link("asyncapi", "Live updates"),
    );
  }

  #build(): void {
    const zone = button("", () => this.zone.turn(), { class: "plain zone" });
    const showZone = (): void => {
      const name = this.zone.zone.label(Date.now());
      // Narrow windows have no room for the name.
      fill(
        zone,
        element("span", { class: "zone-name" }, name),
        element("span", { class: "zone-offset" }, this.zone.zone.offset(Date.now())),
      );
      zone.setAttribute("aria-label", `Times in ${name}. Change between local time and UTC`);
      zone.title = "Local time or UTC";
    };
    const theme = button("", () => this.theme.turn(), { class: "plain sign" });
    const showTheme = (): void => {
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
        element("div", { class: "switches" }, this.#forget, zone, theme, keys),
      ),
      this.#main,
      this.#foot(),
      this.announcer.element,
      this.#shortcuts.dialog,
    );
    // A link to a place in the page would be taken for a route.
    document.querySelector(".skip")?.addEventListener("click", (event) => {
      event.preventDefault();
      this.#main.focus();
    });
  }
}
