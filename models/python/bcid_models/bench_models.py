"""Writes the benchmark's networks as bundles: EEGNet- and BaseNet-shaped, 64 channels x 500 samples at 1 kHz.

    python -m bcid_models.bench_models --out DIR

Each in three forms: exactly as given (`-window`), after graph surgery (`-surgery`), and streaming at a hop of 20
samples (`-streaming`). THEY ARE UNTRAINED: their weights are random, of seed 20, and their posteriors mean nothing.
They serve to measure time, and to show that the three forms agree. EEGNet has no padding along time, BaseNet has.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from onnx import ModelProto

from . import __version__, bundle, shapes
from .contract import Contract, Identity, Input, Output, Provenance, Step
from .export import streaming, surgery

SEED = 20
CHANNELS, SAMPLES, HOP, RATE_HZ = 64, 500, 20, 1000.0
STEPS: tuple[Step, ...] = (
    {"notch": {"freq_hz": 50.0, "q": 30.0}},
    {"band_pass": {"low_hz": 1.0, "high_hz": 40.0, "order": 4}},
)
SCALE_UV = 10.0
GOLDEN_FRAMES = 1000


def random_weights(seed: int) -> shapes.Weights:
    """Weights that keep a signal of `SCALE_UV` at about its size from layer to layer."""
    rng = np.random.default_rng(seed)

    def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
        part = name.rsplit(".", 1)[1]
        if part == "running_var":
            value = rng.uniform(0.5, 2.0, shape) * (
                SCALE_UV**2 if name.startswith(("temporal", "input_block.2")) else 1
            )
        elif len(shape) == 1:
            value = rng.uniform(0.5, 1.5, shape) if part == "weight" else rng.normal(0, 0.2, shape)
        else:
            value = rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))
        return value.astype(np.float32)

    return draw


def networks() -> dict[str, ModelProto]:
    """The networks as given, by name."""
    return {
        "eegnet": shapes.eegnet(CHANNELS, SAMPLES, 2, random_weights(SEED)),
        "basenet": shapes.basenet(CHANNELS, SAMPLES, random_weights(SEED)),
    }


def contract(name: str, form: str, done: str) -> Contract:
    """The contract of a network in its window form."""
    labels = tuple(f"ch{n:02d}" for n in range(1, CHANNELS + 1))
    description = f"UNTRAINED, random weights of seed {SEED}, for benchmarks alone: {name}-shaped, {done}."
    return Contract(
        identity=Identity(f"bench-{name}-{form}", "1.0.0", description, "MIT OR Apache-2.0"),
        input=Input(shapes.WINDOW, labels, "uV", RATE_HZ, SAMPLES, HOP),
        preprocessing=STEPS,
        output=Output(shapes.POSTERIOR, "class_posteriors", ("left", "right")),
        provenance=Provenance(
            "models/python/bcid_models/bench_models.py", f"bcid_models {__version__}", "nobody", "untrained"
        ),
    )


def segment() -> np.ndarray:
    """A made-up golden segment: noise, a mains hum and an offset."""
    rng = np.random.default_rng(SEED)
    time_s = np.arange(GOLDEN_FRAMES)[:, None] / RATE_HZ
    hum = 20 * np.sin(2 * np.pi * 50 * time_s)
    return (rng.normal(0, SCALE_UV, (GOLDEN_FRAMES, CHANNELS)).cumsum(axis=0) / 10 + hum + 100).astype(np.float32)


def write_all(out: Path) -> list[str]:
    """Writes every bundle into a folder of `out`; returns what was done, in words."""
    told = []
    golden = bundle.Golden(segment(), "made up: random, with a hum of 50 Hz")
    for name, model in networks().items():
        operated, cut = surgery.operate(model, scales=(SCALE_UV,))
        streamed = streaming.export(model, HOP, scales=(SCALE_UV,))
        window = contract(name, "window", "exactly as given")
        by_hop = replace(window, identity=contract(name, "streaming", "streaming export").identity)
        forms = [
            (window, model, ""),
            (contract(name, "surgery", "after graph surgery"), operated, str(cut)),
            (streamed.contract(by_hop), streamed.model, str(streamed.report)),
        ]
        for made, graph, report in forms:
            bundle.write(out / made.identity.name, graph, made, golden)
            told.append(f"{made.identity.name}\n{report}".rstrip())
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the bundles")
    print("\n\n".join(write_all(parser.parse_args().out)))


if __name__ == "__main__":
    main()
