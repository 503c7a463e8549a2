import type { DaemonClock } from "./clock.js";
import type { Intent, Marker, Place, StreamStatus } from "./v1.js";

/** What is asked for. */
export interface IntentsOptions {
  /** The pipeline to follow; all of them where it is absent. */
  pipeline?: string;
  /** Markers, too. */
  markers?: boolean;
  /** Labels of the classes that are wanted; all of them where it is absent. */
  classes?: readonly string[];
  /** The least probability that is wanted, 0 to 1. */
  minimumProbability?: number;
  /** Of intents of one class in a row only the first. Not for `Hold`: what is not said again ends at its validity. */
  changesOnly?: boolean;
  /** Go on behind this place, of an event heard earlier. */
  resume?: Place;
  /** Ends it. */
  signal?: AbortSignal;
  /**
   * After how long without an event the daemon is asked whether it is there, ms (1000). If it does not answer within as long
   * again, the connection counts as lost.
   */
  silenceMs?: number;
}

/** What happens. Kinds may be added: skip those you do not know. */
export type BcidEvent =
  | IntentEvent
  | MarkerEvent
  | MissedEvent
  | StreamEvent
  | ConnectedEvent
  | ClockEvent
  | LostEvent;

/** What those that the daemon sent have in common. */
interface Placed {
  /** From before this connection: for records, and not to be acted upon. */
  readonly replayed: boolean;
  /** Where it stands among all: `resume` of a subscription that is to go on behind it. */
  readonly place: Place | undefined;
}

/** A window was decoded. */
export interface IntentEvent extends Placed {
  readonly kind: "intent";
  readonly intent: Intent;
  /** Which run of the daemon. */
  readonly run: bigint;
}

/** A marker arrived. */
export interface MarkerEvent extends Placed {
  readonly kind: "marker";
  readonly marker: Marker;
}

/** Events are missing here. */
export interface MissedEvent extends Placed {
  readonly kind: "missed";
  /** At most this many; 0 where that is not known. */
  readonly events: bigint;
  /** The daemon was started anew since: sequence numbers begin again. */
  readonly anotherRun: boolean;
}

/** A pipeline's stream changed its state; also the first events of a connection, one a pipeline. */
export interface StreamEvent extends Placed {
  readonly kind: "stream";
  readonly status: StreamStatus;
}

/** The daemon is heard from now on. */
export interface ConnectedEvent {
  readonly kind: "connected";
  /** Its clock, as just measured. */
  readonly clock: DaemonClock;
}

/** The daemon's clock was measured again. */
export interface ClockEvent {
  readonly kind: "clock";
  readonly clock: DaemonClock;
}

/** The daemon is not heard any more. It is tried again by itself; this is told once. */
export interface LostEvent {
  readonly kind: "lost";
  /** Why, in words. */
  readonly reason: string;
}
