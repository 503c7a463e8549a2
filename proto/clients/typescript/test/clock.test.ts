import assert from "node:assert/strict";
import { test } from "node:test";
import { DaemonClock } from "../src/index.js";

test("the true offset is within the uncertainty, however uneven the way", () => {
  for (const offset of [-5_000_000_000n, -7n, 0n, 12_345n, 9_000_000_000_000_000n]) {
    for (const [there, back] of [
      [10, 10],
      [0, 90],
      [90, 0],
      [1, 2],
    ] as const) {
      const received = BigInt((1000 + there) * 1e6) + offset;
      const heard = 1000 + there + 5 + back;
      const clock = DaemonClock.of(1000, received, received + 5_000_000n, heard, 0);
      const off = clock.offsetNs - offset;
      assert.ok((off < 0n ? -off : off) <= clock.uncertaintyNs, `${offset} ${there} ${back}`);
      assert.ok(clock.latestNs(heard) >= BigInt(heard * 1e6) + offset, "never earlier than it is");
    }
  }
});

test("what is known of it becomes less with time", () => {
  const good = new DaemonClock(0n, 1_000_000n, 0, 0);
  const later = new DaemonClock(0n, 2_000_000n, 60_000, 60_000);
  assert.equal(good.better(later, 1000), good);
  assert.equal(good.better(later, 60_000), later, "6 ms of drift in a minute");
  assert.ok(good.latestNs(60_000) === 60_007_000_000n);
  const ends = good.earliestHereMs(60_007_000_000n);
  assert.ok(Math.abs(ends - 60_000) < 0.01, String(ends));
});

test("a machine that slept knows it", () => {
  const clock = new DaemonClock(0n, 0n, 100, 5000);
  const at = (nowMs: number, wallMs: number) => ({ nowMs: () => nowMs, wallMs: () => wallMs });
  assert.equal(clock.overslept(at(1100, 6000)), false);
  assert.equal(clock.overslept(at(1100, 6600)), true);
  assert.equal(clock.overslept(at(1100, 5000)), true, "set back");
});
