/** A stream's moments as the page uses them. */

import type { Moment } from "telemetra-client";
import type { Row } from "./rows.js";

export interface StreamMoment extends Row {
  readonly type: string;
  readonly description: string | null;
  readonly metricName: string | null;
  readonly metricValue: number | null;
  readonly threshold: number | null;
  readonly score: number | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export function momentOf(moment: Moment): StreamMoment {
  return {
    key: moment.moment_id,
    at: Date.parse(moment.timestamp),
    type: moment.moment_type,
    description: moment.description,
    metricName: moment.metric_name,
    metricValue: moment.metric_value,
    threshold: moment.threshold,
    score: moment.z_score,
    metadata: moment.metadata ?? {},
  };
}
