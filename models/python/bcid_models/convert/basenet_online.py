"""The online BaseNets of Wimpff et al. 2024, left or right hand from sliding 1 s windows, as bundles.

    python -m bcid_models.convert.basenet_online --weights DIR --data DIR --out models/zoo

`--weights` holds the ten checkpoints `{dreyer,lee}_source_v{0..4}.ckpt` and LICENSE; `--data` the runs S001R03, R04, R07,
R08, R11 and S002 to S005 R03, R04 of eegmmidb. Each network is written twice: fed the window, after graph surgery, and
streaming. PyTorch is not needed; with `--torch` the outputs are held against braindecode's AttentionBaseNet.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from onnx import ModelProto

from .. import preprocess, shapes
from ..bundle import Golden, expected
from ..contract import Contract, Identity, Input, Output, Provenance, Step
from ..export import parity, streaming, surgery
from ..recording import Recording, sha256_of
from . import checkpoint
from .common import CODE_VERSION, Runs, Tried, resampled, tried, write

RATE_HZ, WINDOW, HOP = 256.0, 256, 16
NOISE_V = 1e-5
"""Standard deviation of the random input of the proofs, before the band-pass."""
GOLDEN_RUN, GOLDEN_FRAMES, GOLDEN_CANDIDATES = (1, 4), WINDOW + 2 * HOP, 60
TRIED = [(1, run) for run in (3, 4, 7, 8, 11)] + [(subject, run) for subject in range(2, 6) for run in (3, 4)]
DECISION_SPAN_S = (0.5, 4.0)


@dataclass(frozen=True)
class Source:
    """The data that five of the networks were trained on."""

    name: str
    citation: str
    subjects: str
    channels: tuple[str, ...]
    low_hz: float
    high_hz: float
    order: str

    def steps(self) -> tuple[Step, ...]:
        """The band in which it was trained, as a causal filter."""
        return ({"band_pass": {"low_hz": self.low_hz, "high_hz": self.high_hz, "order": 4}},)


SOURCES = (
    Source(
        "dreyer",
        "Dreyer et al., Scientific Data 10, 580, 2023",
        "78 of 79 people of Dreyer et al. 2023; v0 to v4 each leave one out",
        tuple("Fz FCz Cz CPz Pz C1 C3 C5 C2 C4 C6 F4 FC2 FC4 FC6 CP2 CP4 CP6 P4 F3 FC1 FC3 FC5 CP1 CP3 CP5 P3".split()),
        5.0,
        35.0,
        "The order of the channels is that of the data set's files as its readers list it; the checkpoint names none.",
    ),
    Source(
        "lee",
        "Lee et al., GigaScience 8(5), 2019",
        "53 of 54 people of Lee et al. 2019; each checkpoint leaves one out",
        tuple("FC5 FC3 FC1 FC2 FC4 FC6 C5 C3 C1 Cz C2 C4 C6 CP5 CP3 CP1 CPz CP2 CP4 CP6".split()),
        8.0,
        30.0,
        "The order of the channels is that in which the published training code picks them; the checkpoint names none.",
    ),
)

BODY = """
| | |
|---|---|
| input | `{tensor}`, float32 `[1, {channels}, {fed}]`, V at 256 Hz: {labels} |
| before it | causal Butterworth band-pass, {low:g} to {high:g} Hz, order 4 |
| output | `posterior`, float32 `[1, 2]`: left, right |
| pace | 1 s, every 62.5 ms, as in training |

Trained on {citation}. {order} The weights hold the unit: their batch norms expect EEG in V.

Training filtered the whole recording with a zero-phase FIR filter, which no running system can; a causal filter of the
same band stands here in its place, and a stream at another rate than 256 Hz must be resampled first. Figures of the
publication do not carry over.

Tried here on people, a cap and an amplifier it never saw (eegmmidb S001 to S005, resampled to 256 Hz, mean posterior of the
windows within 0.5 to 4 s from the cue): {right} of {trials} trials right, 95 % {least:.2f} to {most:.2f}; chance is a half. It
wants fine-tuning to the person, and so little does not prove the order of the channels.

## What was changed

The weights are those published. The one logit was given a zero beside it, so that the softmax of both is its sigmoid.

{done}

The largest difference from the network as published is {difference:.1e} of the largest output, over {windows} windows of
noise and of S001R04.
"""


def weights_of(state: dict[str, np.ndarray]) -> shapes.Weights:
    """The checkpoint's weights by the names that `shapes.basenet` asks for."""

    def give(name: str, shape: tuple[int, ...]) -> np.ndarray:
        value = state[f"model.{name}"]
        if name.startswith("classifier"):
            value = np.concatenate([np.zeros_like(value), value])
        if value.shape != shape:
            raise ValueError(f"{name} is {value.shape} in the checkpoint, not {shape}")
        return value.astype(np.float32)

    return give


def network(file: Path, channels: int) -> ModelProto:
    """The network as published, its sigmoid as a softmax."""
    held = checkpoint.read(file)
    asked = {"n_channels": channels, "n_temporal_filters": 40, "temp_filter_length_inp": 25, "temp_filter_length": 15}
    asked |= {"pool_length_inp": 8, "ch_dim": 16, "spatial_expansion": 1, "padding_mode": "zeros"}
    found = {key: held["hyper_parameters"][key] for key in asked}
    if found != asked:
        raise ValueError(f"{file.name} has other hyperparameters: {found}")
    return shapes.basenet(channels, WINDOW, weights_of(held["state_dict"]))


def convert(file: Path, source: Source, runs: Runs, out: Path) -> list[str]:
    """Writes both bundles of a checkpoint into folders of `out`; returns what to tell."""
    original = network(file, len(source.channels))
    signal = _signal(runs.get(*GOLDEN_RUN), source)[:, : 40 * WINDOW]
    signal = np.concatenate([signal, _noise(source, 10 * WINDOW)], axis=1)
    operated, cut = surgery.operate(original, streaming.cut(signal, WINDOW, HOP), scales=())
    streamed = streaming.export(original, HOP, signal, scales=())
    accuracy = _tried(operated, runs, source)
    number = file.stem.rsplit("_v", 1)[1]
    window = contract(f"basenet-{source.name}-v{number}", source, file, accuracy)
    by_hop = replace(window, identity=replace(window.identity, name=f"{window.identity.name}-streaming"))
    golden = _golden(operated, window, runs.get(*GOLDEN_RUN))
    forms = ((operated, window, cut), (streamed.model, streamed.contract(by_hop), streamed.report))
    for model, made, report in forms:
        write(
            out / made.identity.name,
            model,
            made,
            golden,
            file.parent / "LICENSE",
            _COMMAND,
            _body(made, source, accuracy, report),
        )
    return [
        f"{window.identity.name}: {accuracy.right} of {accuracy.trials} trials right",
        str(cut),
        str(streamed.report),
    ]


def _golden(model: ModelProto, made: Contract, recording: Recording) -> Golden:
    """Of the stretches that begin at a full second, the one whose posteriors differ most: saturated ones would tell little."""
    raw = resampled(recording, made.input.channels, RATE_HZ).T * 1e-6
    second = round(RATE_HZ)
    stretches = {n: raw[n * second :][:GOLDEN_FRAMES].astype(np.float32) for n in range(GOLDEN_CANDIDATES)}
    start = max(stretches, key=lambda n: float(np.ptp(expected(model, made, stretches[n])[:, 0])))
    origin = f"{recording.file} of eegmmidb v1.0.0, {GOLDEN_FRAMES} frames from second {start} on, resampled from 160 to 256 Hz"
    return Golden(stretches[start], origin)


_COMMAND = "python -m bcid_models.convert.basenet_online"


def contract(name: str, source: Source, file: Path, accuracy: Tried) -> Contract:
    """The contract of the window form."""
    return Contract(
        identity=Identity(
            name,
            "1.0.0",
            f"Left or right hand imagined, from sliding 1 s windows of {len(source.channels)} channels: online BaseNet of Wimpff "
            f"et al. 2024, trained on many people ({source.citation}). Not for clinical use.",
            "MIT",
        ),
        input=Input(shapes.WINDOW, source.channels, "V", RATE_HZ, WINDOW, HOP),
        preprocessing=source.steps(),
        output=Output(shapes.POSTERIOR, "class_posteriors", ("left", "right")),
        provenance=Provenance(
            trained_by="Wimpff, Zerfowski, Yang, Tailoring Deep Learning for Real-Time Brain-Computer Interfaces, arXiv 2507.06779",
            code_version=f"{file.name}, SHA-256 {sha256_of(file)}; converted by {CODE_VERSION}",
            subjects=source.subjects,
            split=f"By person. Tried here on eegmmidb alone, which took no part. {source.order}",
            recordings=accuracy.uses(),
            metrics=(accuracy.metric(0.5),),
        ),
    )


def _body(made: Contract, source: Source, accuracy: Tried, report: surgery.Report | streaming.Report) -> str:
    return BODY.format(
        tensor=made.input.tensor,
        channels=len(source.channels),
        fed=made.input.fed_samples(),
        labels=" ".join(source.channels),
        low=source.low_hz,
        high=source.high_hz,
        citation=source.citation,
        order=source.order,
        right=accuracy.right,
        trials=accuracy.trials,
        least=accuracy.metric(0.5).ci95[0],
        most=accuracy.metric(0.5).ci95[1],
        done="\n".join(f"- {line}" for line in report.done),
        difference=report.parity.difference,
        windows=report.parity.windows,
    )


def _signal(recording: Recording, source: Source) -> np.ndarray:
    return preprocess.run(source.steps(), resampled(recording, source.channels, RATE_HZ) * 1e-6, RATE_HZ)


def _noise(source: Source, frames: int) -> np.ndarray:
    return preprocess.run(source.steps(), parity.noise((len(source.channels), frames), NOISE_V).astype(float), RATE_HZ)


def _tried(model: ModelProto, runs: Runs, source: Source) -> Tried:
    recordings = [runs.get(*run) for run in TRIED]
    signals = {recording.file: _signal(recording, source) for recording in recordings}

    def decide(recording: Recording, onset_s: float) -> int:
        first, last = (round((onset_s + edge) * RATE_HZ) for edge in DECISION_SPAN_S)
        ends = range(first + WINDOW, min(last, signals[recording.file].shape[1]) + 1, HOP)
        windows = np.stack([signals[recording.file][:, end - WINDOW : end] for end in ends])
        return int(parity.outputs(model, windows).mean(axis=0).argmax())

    return tried("left or right fist, executed and imagined, eegmmidb S001 to S005 resampled", recordings, decide)


def against_torch(file: Path, source: Source, windows: np.ndarray) -> float:
    """The largest difference from braindecode's AttentionBaseNet with these weights, as a share of the largest output."""
    import torch
    from braindecode.models import AttentionBaseNet

    net = AttentionBaseNet(
        n_chans=len(source.channels), n_times=WINDOW, n_outputs=1, sfreq=RATE_HZ, pool_length_inp=8, pool_stride_inp=8,
        pool_length=32, pool_stride=2, attention_mode=None,
    )  # fmt: skip
    state = checkpoint.read(file)["state_dict"]
    given = [np.asarray(value) for value in state.values()]
    renamed = dict(zip(net.state_dict(), given, strict=True))
    net.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in renamed.items()})
    with torch.no_grad():
        right = torch.sigmoid(net.eval()(torch.from_numpy(windows.astype(np.float32)))).numpy()
    ours = parity.outputs(network(file, len(source.channels)), windows)
    return parity.compare(ours, np.concatenate([1 - right, right], axis=1)).difference


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, what in (
        ("weights", "folder of the checkpoints"),
        ("data", "folder of the runs"),
        ("out", "folder for the bundles"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    parser.add_argument("--torch", action="store_true", help="hold the outputs against braindecode too")
    arguments = parser.parse_args()
    runs = Runs(arguments.data)
    for source in SOURCES:
        for file in sorted(arguments.weights.glob(f"{source.name}_source_v*.ckpt")):
            print("\n".join(convert(file, source, runs, arguments.out)))
            if arguments.torch:
                windows = streaming.cut(_noise(source, 10 * WINDOW), WINDOW, HOP)
                print(f"equal to braindecode within {against_torch(file, source, windows):.1e} of the largest output")


if __name__ == "__main__":
    main()
