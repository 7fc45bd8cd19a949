/** What is drawn of a stream: each metric's words, colour, axis, and the moments that belong to it. */

import type { Metric } from "../data/windows.js";
import * as format from "../format.js";
import type { ColourName } from "./palette.js";
import type { AxisKind } from "./value-axis.js";

export interface DrawnMetric {
  readonly metric: Metric;
  readonly title: string;
  readonly unit: string;
  readonly format: format.Format;
  readonly axis: AxisKind;
  readonly isArea: boolean;
  readonly colour: ColourName;
  /** What is said where no window has a value. */
  readonly nothing: string;
}

export const DRAWN: readonly DrawnMetric[] = [
  {
    metric: "rate",
    title: "Chat rate",
    unit: "messages/s",
    format: format.rate,
    axis: "from-zero",
    isArea: true,
    colour: "chart-rate",
    nothing: "No chat rate here",
  },
  {
    metric: "viewers",
    title: "Viewers",
    unit: "mean",
    format: format.count,
    axis: "around",
    isArea: false,
    colour: "chart-viewers",
    nothing: "No viewer counts here",
  },
  {
    metric: "chatters",
    title: "Unique chatters",
    unit: "per window",
    format: format.count,
    axis: "from-zero",
    isArea: true,
    colour: "chart-chatters",
    nothing: "No chatters here",
  },
  {
    metric: "sentiment",
    title: "Sentiment",
    unit: "−1 to 1",
    format: format.sentiment,
    axis: [-1, 1],
    isArea: true,
    colour: "chart-sentiment",
    nothing: "No sentiment here",
  },
];

export interface MomentKind {
  readonly title: string;
  /** Told apart by shape, not by colour alone. */
  readonly sign: string;
  readonly metric: Metric;
  readonly colour: ColourName;
}

const KINDS: Readonly<Record<string, MomentKind>> = {
  chat_spike: { title: "Chat spike", sign: "▲", metric: "rate", colour: "chart-rate" },
  viewer_spike: { title: "Viewer spike", sign: "◆", metric: "viewers", colour: "chart-viewers" },
  sentiment_shift: { title: "Sentiment shift", sign: "●", metric: "sentiment", colour: "chart-sentiment" },
};

/** What is known of a type of moment; one of a newer service is shown by its own name. */
export function kindOf(type: string): MomentKind {
  return KINDS[type] ?? { title: type.replaceAll("_", " "), sign: "■", metric: "rate", colour: "ink" };
}
