import assert from "node:assert/strict";
import { test } from "node:test";
import { createRouterTransport } from "@connectrpc/connect";
import { pauseMs } from "../src/follow.js";
import { BcidClient, BcidError, type BcidEvent, Hold, type IntentsOptions, v1 } from "../src/index.js";
import { FakeDaemon } from "./fake.js";

function rig(): { daemon: FakeDaemon; client: BcidClient } {
  const daemon = new FakeDaemon([
    { name: "p", classes: ["left", "right"], axes: [{ axis: "x", plus: "right", minus: "left" }] },
    { name: "q", classes: ["a", "b"] },
  ]);
  daemon.think("p", [0.1, 0.9]);
  const client = new BcidClient({ baseUrl: "", transport: createRouterTransport((r) => daemon.routes(r)) });
  return { daemon, client };
}

/** Reads until an event of a kind, and tells all up to it. */
async function until(events: AsyncGenerator<BcidEvent>, kind: BcidEvent["kind"]): Promise<BcidEvent[]> {
  const read: BcidEvent[] = [];
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error(`ended before ${kind}`);
    read.push(value);
    if (value.kind === kind) return read;
  }
}

function last<K extends BcidEvent["kind"]>(events: BcidEvent[], kind: K): Extract<BcidEvent, { kind: K }> {
  const event = events.at(-1);
  assert.equal(event?.kind, kind);
  return event as Extract<BcidEvent, { kind: K }>;
}

test("events come typed, from the connection on", { timeout: 10_000 }, async () => {
  const { daemon, client } = rig();
  const events = client.intents({ pipeline: "p", markers: true });
  const { clock } = last(await until(events, "connected"), "connected");
  const off = clock.offsetNs - daemon.clockOffsetNs;
  assert.ok((off < 0n ? -off : off) <= clock.uncertaintyNs);
  assert.equal(last(await until(events, "stream"), "stream").status.state, v1.StreamState.STREAMING);
  daemon.window("q");
  daemon.window("p");
  const { intent, replayed, run, place } = last(await until(events, "intent"), "intent");
  assert.deepEqual([intent.pipeline, intent.outcome.case, replayed, run], ["p", "discrete", false, 1n]);
  assert.equal(place?.position, 2n);
  daemon.mark("cue");
  assert.equal(last(await until(events, "marker"), "marker").marker.text, "cue");
  daemon.drop(5);
  assert.equal(last(await until(events, "missed"), "missed").events, 5n);
  await events.return();
});

test("a break: lost is told once, and it goes on where it was, replayed", { timeout: 10_000 }, async () => {
  const { daemon, client } = rig();
  const events = client.intents({ pipeline: "p" });
  const hold = new Hold();
  daemon.window("p");
  await until(events, "stream");
  daemon.window("p");
  const first = last(await until(events, "intent"), "intent");
  daemon.end();
  const lost = last(await until(events, "lost"), "lost");
  assert.equal(lost.reason, "the daemon ended");
  daemon.window("p");
  daemon.window("p");
  const again = await until(events, "intent");
  assert.deepEqual(
    again.map(({ kind }) => kind),
    ["connected", "stream", "intent"],
  );
  const replayed = last(again, "intent");
  assert.deepEqual([replayed.replayed, replayed.intent.sequence], [true, first.intent.sequence + 1n]);
  assert.equal(hold.take(replayed), undefined);
  assert.equal(last(await until(events, "intent"), "intent").replayed, true);
  daemon.window("p");
  assert.equal(last(await until(events, "intent"), "intent").replayed, false);
  await events.return();
});

test("a daemon that was started anew is told as such", { timeout: 10_000 }, async () => {
  const { daemon, client } = rig();
  const events = client.intents();
  await until(events, "stream");
  daemon.window("p");
  await until(events, "intent");
  daemon.restart();
  const missed = last(await until(events, "missed"), "missed");
  assert.deepEqual([missed.anotherRun, missed.events, missed.replayed], [true, 0n, true]);
  daemon.window("p");
  const { run, intent } = last(await until(events, "intent"), "intent");
  assert.deepEqual([run, intent.sequence], [2n, 0n]);
  await events.return();
});

test("a daemon that says and answers nothing is lost; one that only says nothing is not", {
  timeout: 10_000,
}, async () => {
  const { daemon, client } = rig();
  const events = client.intents({ pipeline: "p", silenceMs: 60 });
  await until(events, "stream");
  daemon.stream("p", v1.StreamState.SILENT, "no sample for 100 ms");
  await until(events, "stream");
  const questions = daemon.clockQuestions;
  const quiet = (await until(events, "clock")).concat(await until(events, "clock"));
  assert.deepEqual(
    quiet.map(({ kind }) => kind),
    ["clock", "clock"],
    "asked, and there",
  );
  assert.ok(daemon.clockQuestions >= questions + 10);
  const before = performance.now();
  daemon.freeze();
  const lost = last(await until(events, "lost"), "lost");
  assert.match(lost.reason, /did not answer for 60 ms/);
  assert.ok(performance.now() - before < 1000);
  daemon.thaw();
  await until(events, "connected");
  await events.return();
});

test("errors that stay end it", { timeout: 10_000 }, async () => {
  const { daemon, client } = rig();
  await assert.rejects(client.intents({ pipeline: "none" }).next(), (error: unknown) => {
    assert.ok(error instanceof BcidError);
    assert.deepEqual([error.refusal, error.permanent], ["not-found", true]);
    assert.match(error.message, /there are: p, q/);
    return true;
  });
  daemon.tokens = ["secret"];
  await assert.rejects(client.intents().next(), { refusal: "unauthenticated" });
  await assert.rejects(client.status(), { refusal: "unauthenticated" });
  await assert.rejects(client.watchLatency().next(), { refusal: "unauthenticated" });
});

test("a signal ends it quietly, whatever it waits for", { timeout: 10_000 }, async () => {
  const { daemon, client } = rig();
  const run = async (options: IntentsOptions, ready: BcidEvent["kind"]): Promise<void> => {
    const abort = new AbortController();
    const events = client.intents({ ...options, signal: abort.signal });
    await until(events, ready);
    const next = events.next();
    setTimeout(() => abort.abort(), 20);
    assert.equal((await next).done, true);
  };
  await run({ pipeline: "p" }, "stream");
  setTimeout(() => daemon.end(), 20);
  await run({ pipeline: "p" }, "lost");
  const ended = new AbortController();
  ended.abort();
  assert.equal((await client.intents({ signal: ended.signal }).next()).done, true);
});

test("a filter is passed on", { timeout: 10_000 }, async () => {
  const { daemon, client } = rig();
  const events = client.intents({
    pipeline: "p",
    classes: ["right"],
    minimumProbability: 0.8,
    changesOnly: true,
  });
  await until(events, "stream");
  for (const right of [0.9, 0.9, 0.1, 0.1, 0.9]) {
    daemon.think("p", [1 - right, right]);
    daemon.window("p");
  }
  const cases = [];
  for (let n = 0; n < 3; n++) cases.push(last(await until(events, "intent"), "intent").intent.sequence);
  assert.deepEqual(cases, [0n, 2n, 4n]);
  await events.return();
});

test("status, decoders, control and latency", { timeout: 10_000 }, async () => {
  const { daemon, client } = rig();
  assert.deepEqual(
    (await client.status()).pipelines.map(({ name }) => name),
    ["p", "q"],
  );
  assert.deepEqual((await client.decoders("p"))[0]?.active?.labels, ["left", "right"]);
  assert.deepEqual(await client.pause("p", "coffee"), ["p"]);
  assert.deepEqual(await client.resume(), []);
  assert.equal(await client.mark("block 1", 12n), 12n);
  await assert.rejects(client.mark(""), { refusal: "invalid-argument" });
  const clock = await client.clock();
  assert.ok(
    clock.uncertaintyNs < 100_000_000n && clock.latestNs(performance.now()) >= daemon.nowNs() - 1_000_000n,
  );
  for await (const told of client.watchLatency({ everyMs: 100, pipeline: "p" })) {
    assert.equal(told.pipelines[0]?.recent.at(-1)?.step, "total");
    break;
  }
});

test("attempts become rarer, and never rarer than every three seconds", () => {
  for (let attempts = 1; attempts < 200; attempts++) {
    const most = Math.min(3000, 100 * 2 ** Math.min(attempts - 1, 10));
    assert.equal(
      pauseMs(attempts, () => 1),
      most,
    );
    assert.equal(
      pauseMs(attempts, () => 0),
      0.75 * most,
    );
  }
});
