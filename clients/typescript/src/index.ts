/** The client's face: what its users import. */

export { Telemetra, type TelemetraOptions } from "./client.js";
export type { SocketClass, SocketLike } from "./connection.js";
export { LiveRefused, type RefusalKind } from "./ending.js";
export { TelemetraError } from "./errors.js";
export type { FollowOptions } from "./follow.js";
export type { ReadInit, Token } from "./http.js";
export { type LiveOptions, type LiveState, type LiveStatus, LiveStream } from "./live.js";
export { type Answer, items, type Page, pages } from "./paging.js";
export type * from "./types.js";
