/**
 * A client of the daemon for browsers, over gRPC-web.
 *
 * A caller may rely on: `BcidClient.intents` reconnecting by itself, going on where it was, and saying when nothing can be
 * heard; `Hold` answering nothing any more as soon as an intent's validity has passed, whatever did or did not arrive, and
 * beginning each activation once. Times are in ns on the LSL clock of the daemon's machine, as `bigint`; times here are in ms, as
 * `performance.now()` tells them.
 */

export { BcidClient, type BcidClientOptions, type WatchLatencyOptions } from "./client.js";
export { DaemonClock, type HereClock, here } from "./clock.js";
export { BcidError, type Refusal } from "./errors.js";
export type {
  BcidEvent,
  ClockEvent,
  ConnectedEvent,
  IntentEvent,
  IntentsOptions,
  LostEvent,
  MarkerEvent,
  MissedEvent,
  StreamEvent,
} from "./events.js";
export { Hold, type Now, type Stop, type Velocity } from "./hold.js";
export * as v1 from "./v1.js";
