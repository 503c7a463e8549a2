/**
 * A daemon that is none: it answers as the real one does, and decodes what it is told to. For tests, and for the development server of the pages.
 */

import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import * as v1 from "../src/v1.js";

/** A pipeline of it. */
export interface FakePipeline {
  name: string;
  classes: string[];
  /** The classes that drive each axis up and down; without it there is no `Intent.motion`. */
  axes?: { axis: string; plus: string; minus: string }[];
  threshold?: number;
  hopMs?: number;
  validMs?: number;
}

interface State {
  asked: Required<Pick<FakePipeline, "name" | "classes" | "threshold" | "hopMs" | "validMs">> & FakePipeline;
  sequence: bigint;
  activation: bigint;
  held: { label: string; sinceNs: bigint } | undefined;
  probabilities: number[];
  state: v1.StreamState;
  message: string;
  sinceNs: bigint;
  causes: v1.InvalidCause[];
  pause: string | undefined;
}

interface Told {
  position: bigint;
  event: v1.SubscribeResponse["event"];
}

interface Subscriber {
  queue: Told[];
  wake: () => void;
  ended: boolean;
}

/** How many events it remembers. */
const REMEMBERED = 4096;

export class FakeDaemon {
  readonly #pipelines = new Map<string, State>();
  readonly #subscribers = new Set<Subscriber>();
  #told: Told[] = [];
  #run = 1n;
  #position = 0n;
  #thawed: Promise<void> | undefined;
  #thaw: () => void = () => {};
  /** The tokens that it takes; anybody may come in where there are none. */
  tokens: string[] = [];
  /** What its clock is ahead of `performance.now()`, ns. */
  clockOffsetNs = 5_000_000_000_000n;
  /** How many subscriptions there have been. */
  subscriptions = 0;
  /** How often the clock was asked for. */
  clockQuestions = 0;

  constructor(pipelines: FakePipeline[]) {
    for (const asked of pipelines) {
      this.#pipelines.set(asked.name, {
        asked: { threshold: 0.7, hopMs: 62.5, validMs: 300, ...asked },
        sequence: 0n,
        activation: 0n,
        held: undefined,
        probabilities: asked.classes.map(() => 1 / asked.classes.length),
        state: v1.StreamState.STREAMING,
        message: "streaming",
        sinceNs: this.nowNs(),
        causes: [],
        pause: undefined,
      });
    }
  }

  /** The LSL clock. */
  nowNs(): bigint {
    return BigInt(Math.round(performance.now() * 1e6)) + this.clockOffsetNs;
  }

  /** What the decoder of a pipeline finds from now on: a smoothed probability a class. */
  think(pipeline: string, probabilities: number[]): void {
    this.#of(pipeline).probabilities = probabilities;
  }

  /** What is wrong with the data from now on. */
  spoil(pipeline: string, causes: v1.InvalidCause[]): void {
    this.#of(pipeline).causes = causes;
  }

  /** Another state of its stream; windows come while it is STREAMING. */
  stream(pipeline: string, state: v1.StreamState, message: string): void {
    const of = this.#of(pipeline);
    Object.assign(of, { state, message, sinceNs: this.nowNs() });
    this.#tell({ case: "stream", value: streamStatus(of) });
  }

  /** Withholds its intents, or with nothing does not any more. */
  pause(pipeline: string, reason: string | undefined): void {
    this.#of(pipeline).pause = reason;
  }

  /** A marker. */
  mark(text: string): void {
    const now = this.nowNs();
    const marker = create(v1.MarkerSchema, { stream: "bcid", text, timeNs: now, receivedNs: now });
    this.#tell({ case: "marker", value: marker });
  }

  /** Decodes a window of a pipeline, whose newest sample is as old as told. */
  window(pipeline: string, ageMs = 10): void {
    const of = this.#of(pipeline);
    if (of.state === v1.StreamState.STREAMING) this.#tell({ case: "intent", value: this.#decode(of, ageMs) });
  }

  /** Decodes a window of each pipeline every hop, until what it returns is called. */
  start(before: (pipeline: string) => void = () => {}): () => void {
    const timers = [...this.#pipelines.values()].map(({ asked }) =>
      setInterval(() => {
        if (this.#thawed) return;
        before(asked.name);
        this.window(asked.name);
      }, asked.hopMs),
    );
    return () => timers.forEach(clearInterval);
  }

  /** Loses events of every subscriber, as of one that reads too slowly. */
  drop(events: number): void {
    this.#position += BigInt(events);
    const value = create(v1.MissedSchema, { events: BigInt(events) });
    for (const one of this.#subscribers)
      push(one, { position: this.#position, event: { case: "missed", value } });
  }

  /** Says nothing any more, and answers nobody: as if it were stopped (SIGSTOP). */
  freeze(): void {
    this.#thawed ??= new Promise((resolve) => {
      this.#thaw = resolve;
    });
  }

  /** Goes on. */
  thaw(): void {
    this.#thawed = undefined;
    this.#thaw();
  }

  /** Ends every subscription, as when it drains. */
  end(): void {
    for (const one of this.#subscribers) {
      one.ended = true;
      one.wake();
    }
  }

  /** Is another run from now on: what was is forgotten. */
  restart(): void {
    this.end();
    this.#run += 1n;
    this.#position = 0n;
    this.#told = [];
    for (const of of this.#pipelines.values())
      Object.assign(of, { sequence: 0n, activation: 0n, held: undefined, pause: undefined });
  }

  /** Its services. */
  routes(router: ConnectRouter): void {
    router.service(v1.IntentService, { subscribe: (asked, context) => this.#subscribe(asked, context) });
    router.service(v1.TelemetryService, {
      getClock: async () => {
        await this.#thawed;
        this.clockQuestions++;
        const receivedNs = this.nowNs();
        return { receivedNs, answeredNs: receivedNs };
      },
      getStatus: async (_, context) => {
        await this.#enter(context);
        return this.#status();
      },
      watchLatency: (asked, context) => this.#watch(asked, context),
    });
    router.service(v1.DecoderService, {
      listDecoders: async (asked, context) => {
        await this.#enter(context);
        this.#known(asked.pipeline);
        return { pipelines: this.#meant(asked.pipeline).map(decoders) };
      },
    });
    router.service(v1.ControlService, {
      pause: async (asked, context) => {
        await this.#enter(context);
        this.#known(asked.pipeline);
        for (const of of this.#meant(asked.pipeline)) of.pause = asked.reason;
        return { paused: this.#paused() };
      },
      resume: async (asked, context) => {
        await this.#enter(context);
        this.#known(asked.pipeline);
        for (const of of this.#meant(asked.pipeline)) of.pause = undefined;
        return { paused: this.#paused() };
      },
      mark: async (asked, context) => {
        await this.#enter(context);
        if (asked.text === "") throw new ConnectError("the text is empty", Code.InvalidArgument);
        this.mark(asked.text);
        return { timeNs: asked.timeNs ?? this.nowNs() };
      },
    });
  }

  async *#subscribe(
    asked: v1.SubscribeRequest,
    context: HandlerContext,
  ): AsyncGenerator<v1.SubscribeResponse> {
    await this.#enter(context);
    this.#known(asked.pipeline);
    this.subscriptions++;
    const me: Subscriber = { queue: [], wake: () => {}, ended: false };
    const wanted = ({ event }: Told) =>
      event.case === "marker"
        ? asked.markers
        : event.case === "missed" ||
          asked.pipeline === "" ||
          (event.case === "intent" && event.value.pipeline === asked.pipeline) ||
          (event.case === "stream" && event.value.pipeline === asked.pipeline);
    const passes = filter(asked.filter);
    const respond = (told: Told, replayed: boolean) =>
      create(v1.SubscribeResponseSchema, {
        event: told.event,
        place: { run: this.#run, position: told.position },
        replayed,
      });
    const past: Told[] = [];
    let from = this.#position;
    if (asked.resume) {
      const anotherRun = asked.resume.run !== this.#run;
      from = anotherRun ? 0n : asked.resume.position;
      if (anotherRun)
        past.push({
          position: 0n,
          event: { case: "missed", value: create(v1.MissedSchema, { anotherRun }) },
        });
      past.push(...this.#told.filter(({ position }) => position > from));
    }
    this.#subscribers.add(me);
    context.signal.addEventListener("abort", () => {
      me.ended = true;
      me.wake();
    });
    try {
      for (const of of this.#meant(asked.pipeline))
        yield respond({ position: from, event: { case: "stream", value: streamStatus(of) } }, false);
      for (const told of past) if (wanted(told) && passes(told)) yield respond(told, true);
      while (!me.ended) {
        const told = me.queue.shift();
        if (told === undefined) {
          await new Promise<void>((resolve) => {
            me.wake = resolve;
          });
        } else if (wanted(told) && passes(told)) {
          await this.#thawed;
          yield respond(told, false);
        }
      }
    } finally {
      this.#subscribers.delete(me);
    }
  }

  async *#watch(
    asked: v1.WatchLatencyRequest,
    context: HandlerContext,
  ): AsyncGenerator<v1.WatchLatencyResponse> {
    await this.#enter(context);
    this.#known(asked.pipeline);
    const step = (name: string, p50Ms: number, p99Ms: number) =>
      create(v1.StepLatencySchema, {
        step: name,
        count: 16n,
        p50Ms,
        p99Ms,
        p999Ms: p99Ms * 1.2,
        maxMs: p99Ms * 1.5,
      });
    while (!context.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, asked.everyMs || 1000));
      await this.#thawed;
      const steps = [step("acquire", 4.1, 8.2), step("decode", 0.21, 0.55), step("total", 5.3, 10.8)];
      yield create(v1.WatchLatencyResponseSchema, {
        timeNs: this.nowNs(),
        pipelines: this.#meant(asked.pipeline).map(({ asked: { name } }) => ({
          pipeline: name,
          recent: steps,
          sinceStart: steps,
        })),
      });
    }
  }

  async #enter(context: HandlerContext): Promise<void> {
    await this.#thawed;
    if (this.tokens.length === 0) return;
    const shown = context.requestHeader.get("authorization")?.replace("Bearer ", "");
    if (!shown) throw new ConnectError("show a token that permits intents:read", Code.Unauthenticated);
    if (!this.tokens.includes(shown)) throw new ConnectError("this token is not known", Code.Unauthenticated);
  }

  #decode(of: State, ageMs: number): v1.Intent {
    const { asked, probabilities } = of;
    const now = this.nowNs();
    const newest = now - BigInt(Math.round(ageMs * 1e6));
    const best = probabilities.reduce((a, b, n) => (b > (probabilities[a] ?? 0) ? n : a), 0);
    const label = asked.classes[best] ?? "";
    const reason =
      of.causes.length > 0
        ? v1.NoIntentReason.INVALID_DATA
        : of.pause !== undefined
          ? v1.NoIntentReason.PAUSED
          : (probabilities[best] ?? 0) < asked.threshold
            ? v1.NoIntentReason.BELOW_THRESHOLD
            : undefined;
    if (reason !== undefined) of.held = undefined;
    else if (of.held?.label !== label) {
      of.held = { label, sinceNs: now };
      of.activation += 1n;
    }
    const still = of.causes.length > 0 || of.pause !== undefined;
    const probability = (name: string) => probabilities[asked.classes.indexOf(name)] ?? 0;
    return create(v1.IntentSchema, {
      sequence: of.sequence++,
      pipeline: asked.name,
      decoder: decoder(of),
      probabilities: asked.classes.map((name, n) => ({
        label: name,
        window: probabilities[n] ?? 0,
        smoothed: probabilities[n] ?? 0,
      })),
      outcome: of.held
        ? {
            case: "discrete",
            value: create(v1.DiscreteIntentSchema, {
              label,
              probability: probabilities[best] ?? 0,
              activation: of.activation,
              heldMs: Number(now - of.held.sinceNs) / 1e6,
            }),
          }
        : { case: "none", value: create(v1.NoIntentSchema, { reason: reason ?? 0 }) },
      validity: { valid: of.causes.length === 0, causes: of.causes },
      oldestSampleNs: newest - 1_000_000_000n,
      newestSampleNs: newest,
      ledger: {
        acquiredNs: newest + 4_000_000n,
        queuedNs: now,
        filteredNs: now,
        decodedNs: now,
        publishedNs: now,
      },
      validUntilNs: now + BigInt(Math.round((asked.validMs - ageMs) * 1e6)),
      ...(asked.axes && {
        motion: {
          axes: asked.axes.map(({ axis, plus, minus }) => ({
            axis,
            value: still ? 0 : probability(plus) - probability(minus),
          })),
          unit: "1/s",
        },
      }),
    });
  }

  #status(): v1.GetStatusResponse {
    return create(v1.GetStatusResponseSchema, {
      versions: { bcid: "0.0.0-fake" },
      uptimeSeconds: 12,
      pipelines: [...this.#pipelines.values()].map((of) => ({
        name: of.asked.name,
        stream: streamStatus(of),
        streamName: "fake",
        rateHz: 160,
        channels: 64,
        decoder: decoder(of),
        hopMs: of.asked.hopMs,
        windowMs: 1000,
        threshold: of.asked.threshold,
        ...(of.pause !== undefined && { pause: { reason: of.pause, by: "operator", sinceNs: of.sinceNs } }),
        rules: {
          validMs: of.asked.validMs,
          axes: of.asked.axes?.map(({ axis }) => axis) ?? [],
          motionUnit: of.asked.axes ? "1/s" : "",
        },
      })),
    });
  }

  #of(pipeline: string): State {
    const of = this.#pipelines.get(pipeline);
    if (!of) throw new Error(`there is no pipeline ${pipeline}`);
    return of;
  }

  #known(pipeline: string): void {
    if (pipeline !== "" && !this.#pipelines.has(pipeline))
      throw new ConnectError(
        `there is no pipeline ${pipeline}; there are: ${[...this.#pipelines.keys()].join(", ")}`,
        Code.NotFound,
      );
  }

  #meant(pipeline: string): State[] {
    return [...this.#pipelines.values()].filter((of) => pipeline === "" || of.asked.name === pipeline);
  }

  #paused(): string[] {
    return this.#meant("").flatMap((of) => (of.pause === undefined ? [] : [of.asked.name]));
  }

  #tell(event: v1.SubscribeResponse["event"]): void {
    this.#position += 1n;
    const told = { position: this.#position, event };
    this.#told.push(told);
    if (this.#told.length > REMEMBERED) this.#told.shift();
    for (const one of this.#subscribers) push(one, told);
  }
}

function push(subscriber: Subscriber, told: Told): void {
  subscriber.queue.push(told);
  subscriber.wake();
}

function decoder(of: State) {
  return { name: `${of.asked.name}-fake`, version: "1.0.0", modelSha256: "0".repeat(64) };
}

function decoders(of: State) {
  return {
    pipeline: of.asked.name,
    active: { decoder: decoder(of), labels: of.asked.classes, threshold: of.asked.threshold },
  };
}

function streamStatus(of: State): v1.StreamStatus {
  return create(v1.StreamStatusSchema, {
    pipeline: of.asked.name,
    state: of.state,
    message: of.message,
    sinceNs: of.sinceNs,
  });
}

/** Which intents pass. */
function filter(asked: v1.IntentFilter | undefined): (told: Told) => boolean {
  if (!asked) return () => true;
  const last = new Map<string, string>();
  return ({ event }) => {
    if (event.case !== "intent") return true;
    const { pipeline, outcome } = event.value;
    const wanted =
      outcome.case === "discrete" &&
      (asked.classes.length === 0 || asked.classes.includes(outcome.value.label)) &&
      outcome.value.probability >= asked.minimumProbability;
    const now = wanted && outcome.case === "discrete" ? outcome.value.label : "";
    const before = last.get(pipeline);
    last.set(pipeline, now);
    return before === undefined || before !== now || (wanted && !asked.changesOnly);
  };
}
