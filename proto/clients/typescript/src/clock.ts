/** The clocks of this machine. */
export interface HereClock {
  /** Monotonic, ms. */
  nowMs(): number;
  /** The time of day, ms: by it a sleep of this machine is told, during which some browsers' monotonic clocks stand still. */
  wallMs(): number;
}

/** The browser's own clocks. */
export const here: HereClock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
};

/** How coarse browsers make their clocks where they do not isolate a page, ns. */
const COARSE_NS = 100_000n;
/** By how much two machines' clocks may drift apart, ns a ms: 100 ppm. */
const DRIFT_NS_PER_MS = 100;
/** By how much the time of day may run off from the monotonic clock until the measurement is not believed any more, ms. */
const SLEPT_MS = 500;

/** How far the daemon's LSL clock is from this machine's, as measured once. */
export class DaemonClock {
  /** What is added to this machine's time, ns. */
  readonly offsetNs: bigint;
  /** The most that it may be off by when it was measured, ns: half of the way there and back, and the coarseness of the clock here. */
  readonly uncertaintyNs: bigint;
  /** When it was measured, by this machine's monotonic clock and by its time of day, ms. */
  readonly measuredMs: number;
  readonly measuredWallMs: number;

  constructor(offsetNs: bigint, uncertaintyNs: bigint, measuredMs: number, measuredWallMs: number) {
    this.offsetNs = offsetNs;
    this.uncertaintyNs = uncertaintyNs;
    this.measuredMs = measuredMs;
    this.measuredWallMs = measuredWallMs;
  }

  /** Of one question: when it was asked and answered here (ms), and when it came and was answered there (ns). */
  static of(
    askedMs: number,
    receivedNs: bigint,
    answeredNs: bigint,
    heardMs: number,
    wallMs: number,
  ): DaemonClock {
    const [asked, heard] = [toNs(askedMs), toNs(heardMs)];
    const away = heard - asked - (answeredNs - receivedNs);
    const offset = (receivedNs - asked + (answeredNs - heard)) / 2n;
    return new DaemonClock(offset, (away > 0n ? away : 0n) / 2n + COARSE_NS, heardMs, wallMs);
  }

  /** The most that it may be off by now, drift included, ns. */
  uncertaintyAtNs(hereMs: number): bigint {
    const age = Math.max(0, hereMs - this.measuredMs);
    return this.uncertaintyNs + BigInt(Math.round(age * DRIFT_NS_PER_MS));
  }

  /** What time it is there, as far as it is known, ns. */
  nowNs(hereMs: number): bigint {
    return toNs(hereMs) + this.offsetNs;
  }

  /** What time it may be there by now, at the latest, ns. */
  latestNs(hereMs: number): bigint {
    return this.nowNs(hereMs) + this.uncertaintyAtNs(hereMs);
  }

  /** The monotonic time here, ms, at which it may first be `daemonNs` there. */
  earliestHereMs(daemonNs: bigint): number {
    const rough = Number(daemonNs - this.offsetNs) / 1e6;
    return rough - Number(this.uncertaintyAtNs(rough)) / 1e6;
  }

  /** Whether this machine slept, or its time of day was set, since it was measured: it then says nothing any more. */
  overslept(clock: HereClock): boolean {
    const [went, passed] = [clock.wallMs() - this.measuredWallMs, clock.nowMs() - this.measuredMs];
    return !(Math.abs(went - passed) < SLEPT_MS);
  }

  /** The better known of two, at a time. */
  better(other: DaemonClock, hereMs: number): DaemonClock {
    return other.uncertaintyAtNs(hereMs) < this.uncertaintyAtNs(hereMs) ? other : this;
  }
}

function toNs(ms: number): bigint {
  return BigInt(Math.round(ms * 1e6));
}
