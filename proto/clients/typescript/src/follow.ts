import { create } from "@bufbuild/protobuf";
import { DaemonClock, type HereClock } from "./clock.js";
import { BcidError } from "./errors.js";
import type { BcidEvent, IntentsOptions } from "./events.js";
import {
  type GetClockResponse,
  IntentFilterSchema,
  type Place,
  StreamState,
  type SubscribeRequest,
  SubscribeRequestSchema,
  type SubscribeResponse,
} from "./v1.js";

/** From one attempt to the next: twice as long each time, up to the second, ms. */
const AGAIN_AFTER_MS = [100, 3000] as const;
/** After how long the clock is measured again, ms. */
const CLOCK_EVERY_MS = 30_000;
/** How often the daemon is asked for one measurement; the shortest way there and back counts. */
const CLOCK_QUESTIONS = 5;
/** How many silences a stream that ought to speak may last while the daemon answers, and at least how long, ms. */
const [DEAD_SILENCES, DEAD_AT_LEAST_MS] = [3, 5000];

/** The way to the daemon. */
export interface Wire {
  subscribe(
    request: SubscribeRequest,
    options: { signal: AbortSignal; onHeader: () => void },
  ): AsyncIterable<SubscribeResponse>;
  getClock(signal: AbortSignal): Promise<GetClockResponse>;
  here: HereClock;
}

/** The daemon's clock: the shortest of several questions. `within` is for all of them together, ms. */
export async function measureClock(wire: Wire, within: number, signal?: AbortSignal): Promise<DaemonClock> {
  const abort = new AbortController();
  const end = () => abort.abort();
  signal?.addEventListener("abort", end);
  const timer = setTimeout(end, within);
  let best: DaemonClock | undefined;
  try {
    for (let n = 0; n < CLOCK_QUESTIONS; n++) {
      const asked = wire.here.nowMs();
      const { receivedNs, answeredNs } = await wire.getClock(abort.signal);
      const heard = wire.here.nowMs();
      const one = DaemonClock.of(asked, receivedNs, answeredNs, heard, wire.here.wallMs());
      best = best?.better(one, heard) ?? one;
    }
  } catch (thrown) {
    // One answer does, where the next are slow.
    if (!best) {
      if (abort.signal.aborted && !signal?.aborted)
        throw new BcidError("deadline-exceeded", `the daemon did not answer for ${within} ms`);
      throw BcidError.of(thrown);
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
  if (!best) throw new BcidError("other", "the clock was not measured");
  return best;
}

/** After how long to try again, ms: twice as long each time, and not all clients at once. */
export function pauseMs(attempts: number, random = Math.random): number {
  const [first, most] = AGAIN_AFTER_MS;
  const whole = Math.min(most, first * 2 ** Math.min(Math.max(attempts - 1, 0), 16));
  return whole * (0.75 + 0.25 * random());
}

/**
 * Events as they come, over breaks of the connection and restarts of the daemon, until the signal or the consumer ends it.
 * Throws `BcidError` where trying again would be to no avail.
 */
export async function* follow(
  wire: Wire,
  options: IntentsOptions,
): AsyncGenerator<BcidEvent, void, undefined> {
  const { signal } = options;
  const silenceMs = options.silenceMs ?? 1000;
  let resume: Place | undefined = options.resume;
  let attempts = 0;
  let lostTold = false;
  while (!signal?.aborted) {
    if (attempts > 0 && !(await slept(pauseMs(attempts), signal))) return;
    attempts++;
    const abort = new AbortController();
    const end = () => abort.abort();
    signal?.addEventListener("abort", end);
    try {
      for await (const event of connection(wire, asked(options, resume), options, silenceMs, abort.signal)) {
        if ("place" in event) {
          resume = event.place ?? resume;
          attempts = 0;
        }
        if (event.kind === "connected") lostTold = false;
        yield event;
      }
      return;
    } catch (thrown) {
      if (signal?.aborted) return;
      const error = BcidError.of(thrown);
      if (error.permanent) throw error;
      // It was there until now: tried again soon.
      attempts = Math.max(attempts, 1);
      if (!lostTold) {
        lostTold = true;
        yield { kind: "lost", reason: error.message };
      }
    } finally {
      signal?.removeEventListener("abort", end);
      abort.abort();
    }
  }
}

/** One connection. Ends quietly when the signal does; every other end is thrown. */
async function* connection(
  wire: Wire,
  request: SubscribeRequest,
  options: IntentsOptions,
  silenceMs: number,
  signal: AbortSignal,
): AsyncGenerator<BcidEvent, void, undefined> {
  let headed: () => void = () => {};
  const header = new Promise<"header" | Settled<SubscribeResponse>>((resolve) => {
    headed = () => resolve("header");
  });
  const responses = wire.subscribe(request, { signal, onHeader: headed })[Symbol.asyncIterator]();
  let next = settled(responses.next());
  // Answered at all? A proxy or a stopped daemon takes the connection and says nothing.
  const begun = await firstOf([header, next], Math.max(3 * silenceMs, 1000));
  if (begun === "time")
    throw new BcidError("unavailable", "the daemon takes the connection, and does not answer");
  if (begun !== "header" && begun.failed) throw begun.thrown;
  const refused = next.then((first) => (first.failed ? first : new Promise<never>(() => {})));
  // A refusal may come behind the header; what it says is worth more than that the clock was not told.
  const measuredOr = await Promise.race([measured(wire, Math.max(3 * silenceMs, 1000), signal), refused]);
  if ("thrown" in measuredOr) throw measuredOr.thrown;
  if ("failed" in measuredOr) throw measuredOr.failed;
  let clock = measuredOr.measured;
  yield { kind: "connected", clock };

  const streaming = new Set<string>();
  const filtered = Boolean(options.classes?.length || options.minimumProbability || options.changesOnly);
  let heardMs = wire.here.nowMs();
  let measuring: Promise<{ measured: DaemonClock } | { failed: BcidError }> | undefined;
  let askedMs = 0;
  for (;;) {
    const waits: Promise<unknown>[] = [next];
    if (measuring) waits.push(measuring);
    const what = await firstOf<unknown>(waits, measuring ? undefined : silenceMs);
    if (signal.aborted) return;
    const nowMs = wire.here.nowMs();
    if (what === "time") {
      // Silence: is the daemon there?
      askedMs = nowMs;
      measuring = measured(wire, silenceMs, signal);
      continue;
    }
    if (isSettled(what)) {
      if (what.failed) throw what.thrown;
      if (what.result.done) throw new BcidError("unavailable", "the daemon ended");
      heardMs = nowMs;
      next = settled(responses.next());
      const event = told(what.result.value);
      if (event?.kind === "stream" && !event.replayed) {
        const { pipeline, state } = event.status;
        if (state === StreamState.STREAMING) streaming.add(pipeline);
        else streaming.delete(pipeline);
      }
      if (event) yield event;
      if (!measuring && (nowMs - clock.measuredMs > CLOCK_EVERY_MS || clock.overslept(wire.here))) {
        askedMs = nowMs;
        measuring = measured(wire, silenceMs, signal);
      }
      continue;
    }
    measuring = undefined;
    const answer = what as { measured: DaemonClock } | { failed: BcidError };
    if ("failed" in answer) {
      // Where events come all the same, it is there.
      if (heardMs < askedMs) throw answer.failed;
      continue;
    }
    clock = clock.overslept(wire.here) ? answer.measured : clock.better(answer.measured, nowMs);
    yield { kind: "clock", clock };
    const dead = Math.max(DEAD_SILENCES * silenceMs, DEAD_AT_LEAST_MS);
    if (!filtered && streaming.size > 0 && nowMs - heardMs > dead)
      throw new BcidError("unavailable", "the daemon answers, but its intents do not arrive");
  }
}

function asked(options: IntentsOptions, resume: Place | undefined): SubscribeRequest {
  const { pipeline, markers, classes, minimumProbability, changesOnly } = options;
  const filter =
    classes?.length || minimumProbability || changesOnly
      ? create(IntentFilterSchema, {
          classes: [...(classes ?? [])],
          minimumProbability: minimumProbability ?? 0,
          changesOnly: changesOnly ?? false,
        })
      : undefined;
  return create(SubscribeRequestSchema, {
    pipeline: pipeline ?? "",
    markers: markers ?? false,
    ...(resume && { resume }),
    ...(filter && { filter }),
  });
}

/** What a response tells; nothing where this client is too old for it. */
function told(response: SubscribeResponse): BcidEvent | undefined {
  const { event, place, replayed } = response;
  switch (event.case) {
    case "intent":
      return { kind: "intent", intent: event.value, run: place?.run ?? 0n, replayed, place };
    case "marker":
      return { kind: "marker", marker: event.value, replayed, place };
    case "missed": {
      const { events, anotherRun } = event.value;
      return { kind: "missed", events, anotherRun, replayed, place };
    }
    case "stream":
      return { kind: "stream", status: event.value, replayed, place };
    default:
      return undefined;
  }
}

type Settled<T> = { failed: false; result: IteratorResult<T> } | { failed: true; thrown: unknown };

/** So that nobody has to await a promise that may be rejected meanwhile. */
function settled<T>(next: Promise<IteratorResult<T>>): Promise<Settled<T>> {
  return next.then(
    (result) => ({ failed: false, result }) as const,
    (thrown: unknown) => ({ failed: true, thrown }) as const,
  );
}

function isSettled(what: unknown): what is Settled<SubscribeResponse> {
  return typeof what === "object" && what !== null && ("result" in what || "thrown" in what);
}

function measured(
  wire: Wire,
  within: number,
  signal: AbortSignal,
): Promise<{ measured: DaemonClock } | { failed: BcidError }> {
  return measureClock(wire, within, signal).then(
    (clock) => ({ measured: clock }),
    (thrown: unknown) => ({ failed: BcidError.of(thrown) }),
  );
}

/** Whichever comes first, or "time" once it is up. */
async function firstOf<T>(promises: Promise<T>[], withinMs: number | undefined): Promise<T | "time"> {
  if (withinMs === undefined) return Promise.race(promises);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const time = new Promise<"time">((resolve) => {
    timer = setTimeout(() => resolve("time"), withinMs);
  });
  try {
    return await Promise.race([...promises, time]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether all of it was slept, and the signal has not ended it. */
function slept(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (whole: boolean) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", broken);
      resolve(whole);
    };
    const broken = () => end(false);
    const timer = setTimeout(() => end(true), ms);
    signal?.addEventListener("abort", broken);
  });
}
