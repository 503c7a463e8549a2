import { type DaemonClock, type HereClock, here } from "./clock.js";
import type { BcidEvent, IntentEvent } from "./events.js";
import { type InvalidCause, type NoIntentReason, StreamState } from "./v1.js";

/** What a cursor is to do. */
export interface Velocity {
  /** One entry an axis. */
  readonly axes: readonly { readonly axis: string; readonly value: number }[];
  /** The unit of every value; "1/s" are widths of the workspace a second. */
  readonly unit: string;
}

/** What may be acted upon now. */
export interface Now {
  /** The class that is held. */
  readonly className: string | undefined;
  /** What a cursor is to do; where it is absent, stand still. */
  readonly velocity: Velocity | undefined;
  /** When it ends by itself, by this machine's monotonic clock, ms. */
  readonly endsMs: number;
}

/** Why nothing is held. */
export type Stop =
  /** Nothing was heard of the pipeline since the connection began. */
  | { readonly why: "unheard" }
  /** The daemon is not heard. */
  | { readonly why: "lost"; readonly reason: string }
  /** Events are missing, and nothing came since. */
  | { readonly why: "missed"; readonly events: bigint; readonly anotherRun: boolean }
  /** What came is of the past. */
  | { readonly why: "replayed" }
  /** The pipeline's stream does not run. */
  | { readonly why: "stream"; readonly state: StreamState; readonly message: string }
  /** The window said so. */
  | { readonly why: "no-intent"; readonly reason: NoIntentReason; readonly causes: readonly InvalidCause[] }
  /** The decoder yields neither classes nor velocities. */
  | { readonly why: "nothing-to-act-on" }
  /** The validity passed, and nothing new was heard. */
  | { readonly why: "expired"; readonly sinceMs: number }
  /** What came last came after its validity. */
  | { readonly why: "stale" }
  /** What time it is there is not known. */
  | { readonly why: "clock" };

/** For how long an intent without a bound of its own holds, ms. */
const UNBOUNDED_MS = 1000;

interface Held {
  className: string | undefined;
  velocity: Velocity | undefined;
  /** Where the daemon bounds it, ns on its clock. */
  untilNs: bigint | undefined;
  /** Where it does not, ms here. */
  untilMs: number;
  /** Why nothing is held, where that is known. */
  stop: Stop | undefined;
  /** The activation that began last, and the run that counts them. */
  begun: { run: bigint; activation: bigint } | undefined;
  /** What came before the next intent was heard, too. */
  heard: boolean;
}

/**
 * What a client may act upon: fed events as they come, asked at any time. It lets go by itself once an intent's validity has passed
 * on the daemon's clock, on data that cannot be trusted, on missed and replayed events, and when nothing is heard any more.
 *
 * What a frozen tab finds waiting when it wakes is long past its validity: none of it begins or holds anything. It has no
 * timers: whoever acts asks at each step.
 */
export class Hold {
  readonly #here: HereClock;
  readonly #pipelines = new Map<string, Held>();
  #clock: DaemonClock | undefined;
  /** Why nothing at all is heard. */
  #lost: Stop | undefined = { why: "unheard" };

  constructor(clock: HereClock = here) {
    this.#here = clock;
  }

  /** Takes an event in. The class that begins with it, if one does: once an activation. */
  take(event: BcidEvent): string | undefined {
    switch (event.kind) {
      case "connected":
        this.#lost = undefined;
        this.#clock = event.clock;
        return undefined;
      case "clock":
        this.#clock = event.clock;
        return undefined;
      case "lost":
        // Who answers next may be another machine.
        this.#clock = undefined;
        this.#lost = { why: "lost", reason: event.reason };
        this.#letAllGo(undefined);
        return undefined;
      case "missed":
        this.#letAllGo({ why: "missed", events: event.events, anotherRun: event.anotherRun });
        return undefined;
      case "stream": {
        const { pipeline, state, message } = event.status;
        const held = this.#pipelines.get(pipeline) ?? this.#add(pipeline);
        if (event.replayed) return undefined;
        if (state !== StreamState.STREAMING) letGo(held, { why: "stream", state, message });
        else if (held.stop?.why === "stream") held.stop = { why: "unheard" };
        return undefined;
      }
      case "intent":
        return this.#intent(event);
      default:
        return undefined;
    }
  }

  /** What may be acted upon in a pipeline now; nothing means to let go and stand still. */
  now(pipeline: string): Now | undefined {
    const held = this.#valid(pipeline);
    if (!held || (held.className === undefined && !held.velocity)) return undefined;
    return { className: held.className, velocity: held.velocity, endsMs: this.#endsMs(held) };
  }

  /** The class that is held in a pipeline now. */
  className(pipeline: string): string | undefined {
    return this.#valid(pipeline)?.className;
  }

  /** What a cursor is to do now; nothing means to stand still. */
  velocity(pipeline: string): Velocity | undefined {
    return this.#valid(pipeline)?.velocity;
  }

  /** Why nothing may be acted upon in a pipeline now: no class, and no velocity but 0. Nothing where something may. */
  stop(pipeline: string): Stop | undefined {
    if (this.#lost) return this.#lost;
    const held = this.#pipelines.get(pipeline);
    if (!held) return { why: "unheard" };
    const valid = this.#valid(pipeline);
    if (valid && (valid.className !== undefined || valid.velocity?.axes.some((axis) => axis.value !== 0)))
      return undefined;
    // What was let go for a reason of its own goes before the passing of time; a window that said "no intent" does not: after
    // it, too, silence is the news.
    if (held.stop && held.stop.why !== "no-intent") return held.stop;
    if (!this.#knowsTime()) return { why: "clock" };
    if (!valid) return { why: "expired", sinceMs: this.#endsMs(held) };
    return held.stop ?? { why: "nothing-to-act-on" };
  }

  #intent(event: IntentEvent): string | undefined {
    const { intent } = event;
    const held = this.#pipelines.get(intent.pipeline) ?? this.#add(intent.pipeline);
    if (event.replayed) {
      letGo(held, { why: "replayed" });
      return undefined;
    }
    const nowMs = this.#here.nowMs();
    const heard = held.heard;
    held.heard = true;
    held.untilNs = intent.validUntilNs;
    held.untilMs = nowMs + UNBOUNDED_MS;
    held.className = undefined;
    held.velocity = undefined;
    if (!this.#knowsTime()) {
      held.stop = { why: "clock" };
      return undefined;
    }
    if (!this.#inTime(held)) {
      held.stop = { why: "stale" };
      return undefined;
    }
    const { outcome, motion } = intent;
    if (motion?.axes.every((axis) => Number.isFinite(axis.value))) {
      held.velocity = {
        axes: motion.axes.map(({ axis, value }) => ({ axis, value })),
        unit: motion.unit,
      };
    }
    held.stop =
      outcome.case === "none"
        ? { why: "no-intent", reason: outcome.value.reason, causes: intent.validity?.causes ?? [] }
        : undefined;
    if (outcome.case !== "discrete") return undefined;
    const { label, activation, heldMs } = outcome.value;
    held.className = label;
    if (held.begun?.run === event.run && held.begun.activation === activation) return undefined;
    held.begun = { run: event.run, activation };
    // One that lasts already where nothing was heard before began while nobody listened: it is held, and is no beginning.
    return heard || !(heldMs > 0) ? label : undefined;
  }

  #valid(pipeline: string): Held | undefined {
    const held = this.#pipelines.get(pipeline);
    return held && !this.#lost && this.#knowsTime() && this.#inTime(held) ? held : undefined;
  }

  #knowsTime(): boolean {
    return this.#clock !== undefined && !this.#clock.overslept(this.#here);
  }

  #inTime(held: Held): boolean {
    const nowMs = this.#here.nowMs();
    if (held.untilNs === undefined) return nowMs < held.untilMs;
    return this.#clock !== undefined && this.#clock.latestNs(nowMs) < held.untilNs;
  }

  #endsMs(held: Held): number {
    if (held.untilNs === undefined || !this.#clock) return held.untilMs;
    return this.#clock.earliestHereMs(held.untilNs);
  }

  #add(pipeline: string): Held {
    const held: Held = {
      className: undefined,
      velocity: undefined,
      untilNs: undefined,
      untilMs: Number.NEGATIVE_INFINITY,
      stop: { why: "unheard" },
      begun: undefined,
      heard: false,
    };
    this.#pipelines.set(pipeline, held);
    return held;
  }

  #letAllGo(stop: Stop | undefined): void {
    for (const held of this.#pipelines.values()) letGo(held, stop ?? { why: "unheard" });
  }
}

function letGo(held: Held, stop: Stop): void {
  held.className = undefined;
  held.velocity = undefined;
  held.heard = false;
  held.stop = stop;
}
