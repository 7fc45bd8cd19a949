/** The colours that canvases draw with: those of the style sheet, as they are in the theme of now. */

const NAMES = [
  "ink",
  "muted",
  "line",
  "surface",
  "sunken",
  "accent",
  "chart-rate",
  "chart-viewers",
  "chart-chatters",
  "chart-sentiment",
] as const;

export type ColourName = (typeof NAMES)[number];
export type Palette = Readonly<Record<ColourName, string>>;

/** Read the colours where `place` is. */
export function paletteOf(place: HTMLElement): Palette {
  const style = getComputedStyle(place);
  // A property of one's own is given as it is written, `light-dark()` and all: only a real one is a colour.
  const before = place.style.color;
  const read = (name: ColourName): string => {
    place.style.color = `var(--${name})`;
    return style.color;
  };
  const palette = Object.fromEntries(NAMES.map((name) => [name, read(name)])) as Record<ColourName, string>;
  place.style.color = before;
  return palette;
}
