/**
 * Elements of the page, made without HTML text: whatever a writer put into an id or a title stays text.
 *
 * The page's policy (Trusted Types) refuses anything else.
 */

type Child = Node | string | number | null | undefined | false;
type Value = string | number | boolean | null | undefined;

/** Attributes by name; true sets an empty one, and false, null and undefined leave it away. */
export type Attributes = Readonly<Record<string, Value>>;

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  setAttributes(made, attributes);
  made.append(...present(children));
  return made;
}

export function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) {
      target.removeAttribute(name);
    } else {
      target.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

/** Put these in place of what an element holds. */
export function fill(target: Element, ...children: readonly Child[]): void {
  target.replaceChildren(...present(children));
}

/** Change an element's text where it is another: who reads it out is not told twice. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}

export function button(
  label: string,
  pressed: () => void,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLButtonElement {
  const made = element("button", { type: "button", ...attributes }, ...(children.length > 0 ? children : [label]));
  if (children.length > 0 && !("aria-label" in attributes)) {
    made.setAttribute("aria-label", label);
  }
  made.addEventListener("click", pressed);
  return made;
}

/** Text that a writer chose: kept apart from what is around it, in whatever direction it is written. */
export function foreign(text: string, attributes: Attributes = {}): HTMLElement {
  return element("bdi", { dir: "auto", ...attributes }, text);
}

function present(children: readonly Child[]): (Node | string)[] {
  return children
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === "number" ? String(child) : child));
}
