"""The peers that `bci-bench dsp` measures itself against: SciPy and BrainFlow.

Reads one JSON request a line from standard input and answers each with one JSON line. A request names a case (chain,
channels, rate_hz, frames), a peer, and for how long to measure; times are this thread's processor time, so that what else
runs on the machine does not count.
"""

import json
import sys
import time
import warnings

import numpy as np
from brainflow.data_filter import DataFilter, FilterTypes
from scipy import signal

# BrainFlow's own affair, on Python up to 3.11.
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")

# Distinct chunks that are gone through in turn: as many bytes as `bci-bench` uses.
INPUT_BYTES = 1 << 20
BUTTERWORTH = FilterTypes.BUTTERWORTH.value


def chunks_of(channels, frames):
    """`[chunks][frames x channels]`: the same waves as in `bci-bench`. Synthetic."""
    count = min(max(INPUT_BYTES // (8 * channels * frames), 2), 64)
    n = np.arange(count * frames)[:, None]
    c = np.arange(channels)[None, :]
    waves = 50.0 * np.sin((0.003 + 0.0001 * c) * n) + 20.0 * np.sin(0.37 * n)
    return waves.reshape(count, frames, channels)


def notches(rate):
    return [f for f in (50.0, 100.0) if f < rate / 2]


class SciPy:
    """`sosfilt` with its state carried from chunk to chunk, in the layout that is faster for it."""

    def __init__(self, chain, channels, rate, frames):
        self.average = chain == "default EEG"
        if self.average:
            parts = [np.concatenate(signal.iirnotch(f, 30.0, fs=rate))[None] for f in notches(rate)]
            parts.append(signal.butter(4, [0.5, 40.0], "bandpass", fs=rate, output="sos"))
            self.sos = np.concatenate(parts)
        else:
            self.sos = signal.butter(5, [rate / 100, rate / 5], "bandpass", fs=rate, output="sos")
        self.channels, self.frames = channels, frames
        self.layouts = {
            "channels x frames": [np.ascontiguousarray(c.T) for c in chunks_of(channels, frames)],
            "frames x channels": list(chunks_of(channels, frames)),
        }
        times = {}
        for layout in self.layouts:
            self.choose(layout)
            times[layout] = min(measure(self, 0.004) for _ in range(3))
        self.choose(min(times, key=times.get))

    def choose(self, layout):
        self.layout = layout
        self.chunks = self.layouts[layout]
        self.axis = 1 if layout == "channels x frames" else 0
        self.reset()

    def reset(self):
        """To rest."""
        shape = (self.channels, 2) if self.axis == 1 else (2, self.channels)
        self.zi = np.zeros((len(self.sos), *shape))

    def step(self, chunk):
        y, self.zi = signal.sosfilt(self.sos, chunk, axis=self.axis, zi=self.zi)
        if self.average:
            y -= y.mean(axis=1 - self.axis, keepdims=True)
        return y

    def run(self, chunks):
        for i in range(chunks):
            self.step(self.chunks[i % len(self.chunks)])

    def check(self):
        self.reset()
        total = sum(float(np.abs(self.step(chunk)).sum()) for chunk in self.chunks)
        self.reset()
        return total


class BrainFlow:
    """The calls that its users make on every channel of every chunk. It designs the filter anew in each and starts from
    rest in each: the work is that of filtering, the result across chunks is not."""

    def __init__(self, chain, channels, rate, frames):
        self.average = chain == "default EEG"
        self.channels, self.frames, self.rate = channels, frames, int(rate)
        self.layout = "channels x frames"
        self.chunks = [np.ascontiguousarray(c.T) for c in chunks_of(channels, frames)]
        self.work = np.empty_like(self.chunks[0])

    def run(self, chunks):
        rate = self.rate
        for i in range(chunks):
            self.work[:] = self.chunks[i % len(self.chunks)]
            for row in self.work:
                if self.average:
                    for f in notches(rate):
                        DataFilter.perform_bandstop(row, rate, f - f / 60, f + f / 60, 1, BUTTERWORTH, 0.0)
                    DataFilter.perform_bandpass(row, rate, 0.5, 40.0, 4, BUTTERWORTH, 0.0)
                else:
                    DataFilter.perform_bandpass(row, rate, rate / 100, rate / 5, 5, BUTTERWORTH, 0.0)
            if self.average:
                self.work -= self.work.mean(axis=0)


def measure(peer, seconds):
    """Nanoseconds per sample of every channel."""
    done, batch = 0, 1
    start = time.thread_time_ns()
    while (took := time.thread_time_ns() - start) < seconds * 1e9:
        peer.run(batch)
        done += batch
        # Batches grow until reading the clock no longer counts.
        if took < 1e6:
            batch *= 2
    return took / (done * peer.frames * peer.channels)


def main():
    peers = {}
    for line in sys.stdin:
        ask = json.loads(line)
        case = (ask["peer"], ask["chain"], ask["channels"], ask["rate_hz"], ask["frames"])
        if case not in peers:
            # One case at a time is kept, of each peer.
            peers = {k: v for k, v in peers.items() if k[1:] == case[1:]}
            peers[case] = {"scipy": SciPy, "brainflow": BrainFlow}[ask["peer"]](*case[1:])
        peer = peers[case]
        answer = {"layout": peer.layout}
        if ask["seconds"] > 0:
            answer["ns_per_sample"] = measure(peer, ask["seconds"])
        else:
            answer["sum"] = peer.check()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
