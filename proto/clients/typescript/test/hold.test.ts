import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type BcidEvent, DaemonClock, Hold, v1 } from "../src/index.js";

/** A clock that stands where it is put. */
class At {
  ms = 0;
  sleptMs = 0;
  nowMs = () => this.ms;
  wallMs = () => this.ms + this.sleptMs;
}

const MS = 1_000_000n;

/** The daemon's clock is `aheadMs` ahead, and known to `toMs`. */
function connected(aheadMs = 0, toMs = 0, atMs = 0): BcidEvent {
  const clock = new DaemonClock(BigInt(aheadMs) * MS, BigInt(toMs) * MS, atMs, atMs);
  return { kind: "connected", clock };
}

/** A window: class "left" where an activation is told, and a velocity, until a time on the daemon's clock. */
function window(activation: number, heldMs: number, untilMs: number | undefined, more = {}): BcidEvent {
  const intent = create(v1.IntentSchema, {
    pipeline: "p",
    outcome: activation
      ? {
          case: "discrete",
          value: create(v1.DiscreteIntentSchema, { label: "left", activation: BigInt(activation), heldMs }),
        }
      : { case: "none", value: create(v1.NoIntentSchema, { reason: v1.NoIntentReason.BELOW_THRESHOLD }) },
    motion: { axes: [{ axis: "x", value: 0.5 }], unit: "1/s" },
    ...(untilMs !== undefined && { validUntilNs: BigInt(untilMs) * MS }),
  });
  return { kind: "intent", intent, run: 7n, replayed: false, place: undefined, ...more };
}

function fresh(
  aheadMs = 0,
  toMs = 0,
): { at: At; hold: Hold; take: (ms: number, event: BcidEvent) => string | undefined } {
  const at = new At();
  const hold = new Hold(at);
  hold.take(connected(aheadMs, toMs));
  const take = (ms: number, event: BcidEvent) => {
    at.ms = ms;
    return hold.take(event);
  };
  return { at, hold, take };
}

/** Whether a class and a velocity are held at a time. */
function held(hold: Hold, at: At, ms: number): [boolean, boolean] {
  at.ms = ms;
  const now = hold.now("p");
  assert.equal(hold.className("p"), now?.className);
  assert.deepEqual(hold.velocity("p"), now?.velocity);
  return [now?.className !== undefined, now?.velocity !== undefined];
}

test("what is held ends at its time, and begins once", () => {
  const { at, hold, take } = fresh();
  assert.equal(take(0, window(1, 0, 300)), "left");
  assert.equal(take(60, window(1, 60, 360)), undefined, "the same activation");
  assert.ok(Math.abs((hold.now("p")?.endsMs ?? 0) - 360) < 0.1);
  // 36 us of drift are allowed for.
  assert.deepEqual(
    [held(hold, at, 359.9), held(hold, at, 360)],
    [
      [true, true],
      [false, false],
    ],
  );
  assert.equal(hold.stop("p")?.why, "expired");
  assert.equal(take(400, window(2, 0, 700)), "left");
  assert.equal(take(500, window(0, 0, 800)), undefined);
  assert.deepEqual(held(hold, at, 501), [false, true], "no class, and the velocity goes on");
  assert.equal(hold.stop("p"), undefined);
  assert.equal(take(600, window(3, 60, 900)), "left", "its first window was skipped");
});

test("an activation that began while nobody listened is held, and is no beginning", () => {
  const { at, hold, take } = fresh();
  assert.equal(take(300, window(3, 1000, 600)), undefined);
  assert.deepEqual(held(hold, at, 301), [true, true]);
});

test("the daemon's clock counts, with what is not known of it", () => {
  const { at, hold, take } = fresh(50, 1);
  take(0, window(1, 0, 300));
  assert.deepEqual(
    [held(hold, at, 248.9), held(hold, at, 249)],
    [
      [true, true],
      [false, false],
    ],
  );
});

test("a tab that was frozen for 3 s: none of the backlog acts", () => {
  const { at, hold, take } = fresh();
  take(0, window(0, 0, 300));
  assert.deepEqual(held(hold, at, 3000), [false, false], "asked before anything of it is read");
  // Activations begin, last and end in what waited; the last window is valid until 2940.
  for (let n = 0; n < 44; n++) {
    const begun = take(3000, window(Math.floor(n / 4) + 1, n % 4 === 0 ? 0 : 60, 300 + 60 * n));
    assert.equal(begun, undefined, `window ${n}`);
    assert.deepEqual(held(hold, at, 3000), [false, false], `window ${n}`);
    assert.equal(hold.stop("p")?.why, "stale");
  }
  assert.equal(take(3001, window(99, 0, 3300)), "left", "what is fresh does");
});

test("whatever breaks the stream lets go", () => {
  const stream = (state: v1.StreamState) =>
    create(v1.StreamStatusSchema, { pipeline: "p", state, message: "pulled" });
  const breaks: [BcidEvent, string][] = [
    [{ kind: "missed", events: 3n, anotherRun: false, replayed: false, place: undefined }, "missed"],
    [{ kind: "lost", reason: "gone" }, "lost"],
    [{ kind: "stream", status: stream(v1.StreamState.SILENT), replayed: false, place: undefined }, "stream"],
    [{ kind: "stream", status: stream(v1.StreamState.LOST), replayed: false, place: undefined }, "stream"],
    [window(1, 30, 900, { replayed: true }), "replayed"],
  ];
  for (const [event, why] of breaks) {
    const { at, hold, take } = fresh();
    take(0, window(1, 0, 300));
    assert.deepEqual(held(hold, at, 9), [true, true]);
    assert.equal(take(10, event), undefined);
    assert.deepEqual(held(hold, at, 11), [false, false], why);
    assert.equal(hold.stop("p")?.why, why);
    if (why === "lost") {
      take(50, window(1, 50, 400));
      assert.deepEqual(held(hold, at, 51), [false, false], "not before there is a connection again");
      take(55, connected(0, 0, 55));
    }
    assert.equal(take(60, window(1, 60, 400)), undefined, "it goes on, and does not begin again");
    assert.deepEqual(held(hold, at, 61), [true, true], why);
  }
});

test("a stream that runs, or one of the past, lets nothing go", () => {
  const { at, hold, take } = fresh();
  take(0, window(1, 0, 300));
  const status = (state: v1.StreamState) => create(v1.StreamStatusSchema, { pipeline: "p", state });
  take(1, { kind: "stream", status: status(v1.StreamState.STREAMING), replayed: false, place: undefined });
  take(2, { kind: "stream", status: status(v1.StreamState.LOST), replayed: true, place: undefined });
  assert.deepEqual(held(hold, at, 3), [true, true]);
});

test("nothing acts while the daemon's clock is not known, or after this machine slept", () => {
  const at = new At();
  const hold = new Hold(at);
  assert.equal(hold.take(window(1, 0, 300)), undefined);
  assert.deepEqual(held(hold, at, 1), [false, false]);
  hold.take(connected());
  hold.take(window(2, 0, 300));
  assert.deepEqual(held(hold, at, 2), [true, true]);
  // The monotonic clock stood still meanwhile, as it does in some browsers.
  at.sleptMs = 60_000;
  assert.deepEqual(held(hold, at, 3), [false, false]);
  assert.equal(hold.stop("p")?.why, "clock");
  assert.equal(hold.take(window(3, 0, 300)), undefined);
  hold.take({ kind: "clock", clock: new DaemonClock(60_000n * MS, 0n, 3, 60_003) });
  assert.deepEqual(held(hold, at, 3), [false, false], "what came before the sleep is over");
});

test("an intent without a bound holds for a second", () => {
  const { at, hold, take } = fresh();
  take(0, window(1, 0, undefined));
  assert.deepEqual(
    [held(hold, at, 999), held(hold, at, 1000)],
    [
      [true, true],
      [false, false],
    ],
  );
});

test("another run of the daemon counts activations anew", () => {
  const { take } = fresh();
  assert.equal(take(0, window(1, 0, 300)), "left");
  assert.equal(take(10, window(1, 0, 300, { run: 8n })), "left");
});

test("a velocity that is no number moves nothing", () => {
  const { at, hold, take } = fresh();
  const event = window(0, 0, 300);
  if (event.kind === "intent" && event.intent.motion?.axes[0]) event.intent.motion.axes[0].value = Number.NaN;
  take(0, event);
  assert.deepEqual(held(hold, at, 1), [false, false]);
});

test("why nothing is held", () => {
  const { at, hold, take } = fresh();
  assert.equal(hold.stop("p")?.why, "unheard");
  const event = window(0, 0, 300);
  if (event.kind === "intent")
    event.intent.motion = create(v1.VelocityIntentSchema, { axes: [{ axis: "x", value: 0 }] });
  take(0, event);
  assert.deepEqual(hold.stop("p"), {
    why: "no-intent",
    reason: v1.NoIntentReason.BELOW_THRESHOLD,
    causes: [],
  });
  at.ms = 301;
  assert.equal(hold.stop("p")?.why, "expired", "silence is the news");
});
