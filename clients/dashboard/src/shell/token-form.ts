/** Asks for a token, where the service wants one. */

import { element } from "../elements.js";

export interface TokenForm {
  readonly element: HTMLElement;
  focus(): void;
}

/** `refused`: the service did not take the one that it was shown. */
export function tokenForm(refused: boolean, given: (token: string) => void): TokenForm {
  const input = element("input", {
    type: "password",
    id: "token",
    name: "token",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "token-hint",
    "aria-invalid": refused ? "true" : null,
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
      ". It is kept in this tab until you close it, and sent to nobody else.",
    ),
    element("label", { for: "token" }, "Token"),
    element("div", { class: "field" }, input, element("button", { type: "submit", class: "primary" }, "Use it")),
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
