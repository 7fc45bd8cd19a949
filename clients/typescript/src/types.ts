/**
 * The names of what is on the wire. The types themselves are generated from the service's own document (`make types`): here
 * they only get names, so that whatever the document renames stops compiling here or where it is used.
 */

import type { components, operations } from "./schema.js";

type Schemas = components["schemas"];

export type Stream = Schemas["Stream"];
export type MetricWindow = Schemas["MetricWindow"];
export type Moment = Schemas["Moment"];
export type MomentType = Schemas["MomentType"];
export type Removal = Schemas["Removal"];
export type RemovedWindow = Schemas["RemovedWindow"];
export type InvalidParameter = Schemas["InvalidParameter"];
export type LiveTicket = Schemas["LiveTicket"];

/** What went wrong (RFC 9457). With code `parameter_invalid`, `errors` names each parameter that can't be used. */
export type Problem = Schemas["Problem"] & Partial<Pick<Schemas["ParameterProblem"], "errors">>;

export type ConnectedMessage = Schemas["ConnectedMessage"];
export type SnapshotMessage = Schemas["SnapshotMessage"];
export type MetricsMessage = Schemas["MetricsMessage"];
export type MomentMessage = Schemas["MomentMessage"];
export type StreamMessage = Schemas["StreamMessage"];
export type RemovedMessage = Schemas["RemovedMessage"];
export type HeartbeatMessage = Schemas["HeartbeatMessage"];
export type PongMessage = Schemas["PongMessage"];
export type ErrorMessage = Schemas["ErrorMessage"];
/** Whatever the live socket sends; `type` tells which. */
export type LiveMessage = Schemas["LiveMessage"];

type QueryOf<Name extends keyof operations> = NonNullable<operations[Name]["parameters"]["query"]>;
/** Leaves out what would change the kind of answer, and says that `undefined` is as good as nothing. */
type Filter<Query> = { [Key in keyof Omit<Query, "format" | "zero" | "fps">]?: Query[Key] | undefined };

export type StreamsQuery = Filter<QueryOf<"listStreams">>;
export type MetricsQuery = Filter<QueryOf<"listMetrics">>;
export type MomentsQuery = Filter<QueryOf<"listMoments">>;
