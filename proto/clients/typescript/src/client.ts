import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { type DaemonClock, type HereClock, here } from "./clock.js";
import { BcidError } from "./errors.js";
import type { BcidEvent, IntentsOptions } from "./events.js";
import { follow, measureClock, type Wire } from "./follow.js";
import {
  ControlService,
  DecoderService,
  type GetStatusResponse,
  IntentService,
  type PipelineDecoders,
  TelemetryService,
  type WatchLatencyResponse,
} from "./v1.js";

/** Where the daemon is, and who asks. */
export interface BcidClientOptions {
  /** Its address, such as `http://127.0.0.1:50051`; services are found below it. */
  baseUrl: string;
  /** A token, without `Bearer`; a function is asked at each call. */
  token?: string | (() => string | undefined);
  /** For tests: another way to the daemon than gRPC-web over `fetch`. */
  transport?: Transport;
  /** For tests: other clocks. */
  here?: HereClock;
}

/** What of the latencies is to be watched. */
export interface WatchLatencyOptions {
  /** One pipeline; all of them where it is absent. */
  pipeline?: string;
  /** The period, ms: 100 to 60000 (1000). */
  everyMs?: number;
  /** Ends it, quietly. */
  signal?: AbortSignal;
}

/** How long an answer to a single question may take, ms. */
const WITHIN_MS = 10_000;

/** A client of the daemon. It keeps no connection of its own: each stream is one, and browsers open about six to one daemon. */
export class BcidClient {
  readonly #intents: Client<typeof IntentService>;
  readonly #telemetry: Client<typeof TelemetryService>;
  readonly #decoders: Client<typeof DecoderService>;
  readonly #control: Client<typeof ControlService>;
  readonly #wire: Wire;

  constructor(options: BcidClientOptions) {
    const { token } = options;
    const bearer: Interceptor = (next) => (request) => {
      const shown = typeof token === "function" ? token() : token;
      if (shown) request.header.set("authorization", `Bearer ${shown}`);
      return next(request);
    };
    const transport =
      options.transport ?? createGrpcWebTransport({ baseUrl: options.baseUrl, interceptors: [bearer] });
    this.#intents = createClient(IntentService, transport);
    this.#telemetry = createClient(TelemetryService, transport);
    this.#decoders = createClient(DecoderService, transport);
    this.#control = createClient(ControlService, transport);
    this.#wire = {
      subscribe: (request, how) => this.#intents.subscribe(request, how),
      getClock: (signal) => this.#telemetry.getClock({}, { signal }),
      here: options.here ?? here,
    };
  }

  /**
   * Events as they come. Reconnects by itself, after 100 ms to 3 s, and goes on behind what was heard last; ends quietly with
   * `signal` or with the loop. Throws `BcidError` where trying again would be to no avail.
   */
  intents(options: IntentsOptions = {}): AsyncGenerator<BcidEvent, void, undefined> {
    return follow(this.#wire, options);
  }

  /** How far the daemon's clock is from `performance.now()`: of several questions the one with the shortest way. */
  clock(signal?: AbortSignal): Promise<DaemonClock> {
    return measureClock(this.#wire, WITHIN_MS, signal);
  }

  /** The state of everything, now. */
  status(signal?: AbortSignal): Promise<GetStatusResponse> {
    return asked(this.#telemetry.getStatus({}, within(signal)));
  }

  /** Who decodes, in every pipeline or in one. */
  async decoders(pipeline = "", signal?: AbortSignal): Promise<PipelineDecoders[]> {
    return (await asked(this.#decoders.listDecoders({ pipeline }, within(signal)))).pipelines;
  }

  /** Where the time went, once a period. Does not reconnect: throws `BcidError` when the connection breaks. */
  async *watchLatency(
    options: WatchLatencyOptions = {},
  ): AsyncGenerator<WatchLatencyResponse, void, undefined> {
    const { pipeline = "", everyMs = 0, signal } = options;
    try {
      yield* this.#telemetry.watchLatency({ pipeline, everyMs }, signal ? { signal } : {});
    } catch (thrown) {
      if (!signal?.aborted) throw BcidError.of(thrown);
    }
  }

  /** Withholds every intent of a pipeline, or of all (""). Tells which are paused now. Asks for the scope `calibrate`. */
  async pause(pipeline = "", reason = ""): Promise<string[]> {
    return (await asked(this.#control.pause({ pipeline, reason }, within()))).paused;
  }

  /** Ends that. Tells which are still paused. Asks for the scope `calibrate`. */
  async resume(pipeline = ""): Promise<string[]> {
    return (await asked(this.#control.resume({ pipeline }, within()))).paused;
  }

  /** Puts a marker among the others; `timeNs` on the LSL clock, now where it is absent. Tells its time. Asks for `calibrate`. */
  async mark(text: string, timeNs?: bigint): Promise<bigint> {
    const marker = timeNs === undefined ? { text } : { text, timeNs };
    return (await asked(this.#control.mark(marker, within()))).timeNs;
  }
}

function within(signal?: AbortSignal): { signal?: AbortSignal; timeoutMs: number } {
  return signal ? { signal, timeoutMs: WITHIN_MS } : { timeoutMs: WITHIN_MS };
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    throw BcidError.of(thrown);
  }
}
