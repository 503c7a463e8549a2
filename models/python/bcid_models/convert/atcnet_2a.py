"""The ATCNet of Altaheri et al. 2022 on BCI Competition IV 2a, from its Keras weights, as a bundle.

    python -m bcid_models.convert.atcnet_2a --weights DIR --data DIR --out models/zoo [--subject 1] [--keras]

`--weights` holds `subject-{1,2,3}.h5` and LICENSE; `--data` the run S001R04 of eegmmidb, for the golden segment. Needs h5py.
With `--keras` the outputs are held against Keras running the same weights.
"""

import argparse
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, helper

from ..bundle import Golden
from ..contract import Contract, Identity, Input, Output, Provenance
from ..export import parity, surgery
from ..export.graph import build
from ..recording import sha256_of
from .common import CODE_VERSION, Runs, resampled, write

RATE_HZ, WINDOW, HOP = 250.0, 1125, 25
CHANNELS = tuple("Fz FC3 FC1 FCz FC2 FC4 C5 C3 C1 Cz C2 C4 C6 CP3 CP1 CPz CP2 CP4 P1 Pz P2 POz".split())
CLASSES = ("left", "right", "feet", "tongue")
SPREAD_UV = 10.0
"""What is taken for one standard deviation: the network wants standardised input, and its scaler was not published."""
FILTERS, DEPTH, HEADS, KEY = 16, 2, 2, 8
WIDTH = FILTERS * DEPTH
FRAMES, WINDOWS = 20, 5
LENGTH = FRAMES - WINDOWS + 1
GOLDEN_FRAMES = WINDOW + HOP

BODY = """
| | |
|---|---|
| input | `window`, float32 `[1, 22, 1125]`, uV at 250 Hz: {labels} |
| before it | nothing |
| output | `posterior`, float32 `[1, 4]`: left, right, feet, tongue |

**For parity and latency with real weights only.** It was trained on trials of BCI Competition IV 2a, 1.5 to 6 s of each,
standardised with a scaler that was not published: {spread:g} uV are taken for one standard deviation here, by guess. Its
posteriors on a running stream mean nothing.

## What was changed

Rebuilt from the Keras weights of subject {subject}: 64 taps along time, 22 channels, attention over five sliding windows of 16
frames, causal convolutions. The input is divided by {spread:g} uV.

{done}

The largest difference from the graph as published, over {windows} windows, is {difference:.1e} of the largest output.
"""


def read_weights(file: Path) -> dict[str, np.ndarray]:
    """The weights by a name that says where they belong; Keras numbers its layers on from one model to the next."""
    import h5py

    found: dict[str, list[tuple[int, dict[str, np.ndarray]]]] = {}
    with h5py.File(file) as held:
        for layer in held:
            kind, _, number = layer.rpartition("_")
            kind, order = (kind, int(number)) if number.isdigit() else (layer, 0)
            values: dict[str, np.ndarray] = {}
            held[layer].visititems(
                lambda name, o, v=values: v.update({_short(name): o[()]}) if hasattr(o, "shape") else None
            )
            if values:
                found.setdefault(kind, []).append((order, values))
    layers = {kind: [values for _, values in sorted(items, key=lambda item: item[0])] for kind, items in found.items()}
    return {
        f"{kind}.{n}.{name}": v
        for kind, many in layers.items()
        for n, values in enumerate(many)
        for name, v in values.items()
    }


def _short(name: str) -> str:
    """`conv1d_7/kernel:0` -> `kernel`."""
    return ".".join(name.removesuffix(":0").split("/")[1:])


class _Net:
    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}

    def hold(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = value if value.dtype == np.int64 else value.astype(np.float32)
        return name

    def add(self, op: str, inputs: list[str], name: str, **settings: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name, **settings))
        return name

    def norm(self, at: str, number: int, name: str) -> str:
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        held = [self.hold(f"{name}_{p}", self.weights[f"batch_normalization.{number}.{p}"]) for p in parts]
        return self.add("BatchNormalization", [at, *held], name, epsilon=1e-3)

    def linear(self, at: str, weight: np.ndarray, bias: np.ndarray, name: str) -> str:
        product = self.add("MatMul", [at, self.hold(f"{name}_weight", weight)], f"{name}_product")
        return self.add("Add", [product, self.hold(f"{name}_bias", bias)], name)


def network(weights: dict[str, np.ndarray]) -> ModelProto:
    """The graph as published, its input in uV."""
    net = _Net(weights)
    sequence = _convolutions(net)
    numbers = [_branch(net, sequence, n) for n in range(WINDOWS)]
    total = net.add("Sum", numbers, "total")
    mean = net.add("Mul", [total, net.hold("share", np.array(1 / WINDOWS))], "mean")
    net.add("Softmax", [mean], "posterior", axis=1)
    return build(
        "atcnet", net.nodes, {"window": (1, len(CHANNELS), WINDOW)}, {"posterior": (1, len(CLASSES))}, net.constants
    )


def _convolutions(net: _Net) -> str:
    """`[1, 20, 32]` from the window."""
    taps, mixing = net.weights["conv2d.0.kernel"], net.weights["conv2d.1.kernel"]
    space = net.weights["depthwise_conv2d.0.depthwise_kernel"]
    temporal = net.hold("temporal_weight", taps[:, 0, 0].T[:, None, None] / SPREAD_UV)
    spatial = net.hold("spatial_weight", space[0].transpose(1, 2, 0).reshape(WIDTH, 1, len(CHANNELS), 1))
    mixed = net.hold("mixing_weight", mixing[:, 0].transpose(2, 1, 0)[:, :, None])
    at = net.add("Unsqueeze", ["window", net.hold("plane_axis", np.array([1], np.int64))], "plane")
    # Of 'same' padding for an even kernel Keras puts the odd zero behind.
    at = net.add("Conv", [at, temporal], "temporal", kernel_shape=[1, 64], pads=[0, 31, 0, 32])
    at = net.norm(at, 0, "temporal_norm")
    at = net.add("Conv", [at, spatial], "spatial", kernel_shape=[len(CHANNELS), 1], group=FILTERS)
    at = net.add("Elu", [net.norm(at, 1, "spatial_norm")], "spatial_elu")
    at = net.add("AveragePool", [at], "pool_8", kernel_shape=[1, 8], strides=[1, 8])
    at = net.add("Conv", [at, mixed], "mixing", kernel_shape=[1, 16], pads=[0, 7, 0, 8])
    at = net.add("Elu", [net.norm(at, 2, "mixing_norm")], "mixing_elu")
    at = net.add("AveragePool", [at], "pool_7", kernel_shape=[1, 7], strides=[1, 7])
    at = net.add("Squeeze", [at, net.hold("row_axis", np.array([2], np.int64))], "rows")
    return net.add("Transpose", [at], "sequence", perm=[0, 2, 1])


def _branch(net: _Net, sequence: str, n: int) -> str:
    """The scores `[1, 4]` of the `n`-th sliding window."""
    bounds = [
        net.hold(f"w{n}_{what}", np.array([value], np.int64)) for what, value in (("from", n), ("to", n + LENGTH))
    ]
    at = net.add("Slice", [sequence, *bounds, net.hold("time_axis", np.array([1], np.int64))], f"w{n}")
    at = net.add("Transpose", [_attention(net, at, n)], f"w{n}_rows", perm=[0, 2, 1])
    for block in range(2):
        at = _residual(net, at, n, block)
    last = net.add("Gather", [at, net.hold("last", np.array(LENGTH - 1, np.int64))], f"w{n}_last", axis=2)
    return net.linear(last, net.weights[f"dense.{n}.kernel"], net.weights[f"dense.{n}.bias"], f"w{n}_dense")


def _attention(net: _Net, at: str, n: int) -> str:
    held = {part: net.weights[f"layer_normalization.{n}.{part}"] for part in ("gamma", "beta")}
    scale = [net.hold(f"w{n}_{part}", value) for part, value in held.items()]
    normal = net.add("LayerNormalization", [at, *scale], f"w{n}_normal", axis=-1, epsilon=1e-6)
    split = net.hold("split", np.array([1, LENGTH, HEADS, KEY], np.int64))
    heads = {}
    for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        weight, bias = (net.weights[f"multi_head_attention.{n}.{part}.{what}"] for what in ("kernel", "bias"))
        factor = 1 / np.sqrt(KEY) if part == "query" else 1.0
        flat = net.linear(normal, weight.reshape(WIDTH, -1) * factor, bias.reshape(-1) * factor, f"w{n}_{part}")
        apart = net.add("Reshape", [flat, split], f"w{n}_{part}_apart")
        heads[part] = net.add("Transpose", [apart], f"w{n}_{part}_heads", perm=order)
    scores = net.add("MatMul", [heads["query"], heads["key"]], f"w{n}_scores")
    share = net.add("Softmax", [scores], f"w{n}_share", axis=-1)
    taken = net.add("MatMul", [share, heads["value"]], f"w{n}_taken")
    together = net.add("Transpose", [taken], f"w{n}_together", perm=[0, 2, 1, 3])
    joined = net.add(
        "Reshape", [together, net.hold("join", np.array([1, LENGTH, HEADS * KEY], np.int64))], f"w{n}_joined"
    )
    weight, bias = (net.weights[f"multi_head_attention.{n}.attention_output.{what}"] for what in ("kernel", "bias"))
    return net.add("Add", [at, net.linear(joined, weight.reshape(-1, WIDTH), bias, f"w{n}_mixed")], f"w{n}_attended")


def _residual(net: _Net, at: str, n: int, block: int) -> str:
    before, dilation = at, 2**block
    for layer in (2 * block, 2 * block + 1):
        number, name = 4 * n + layer, f"w{n}_conv{layer}"
        weight = net.hold(f"{name}_weight", net.weights[f"conv1d.{number}.kernel"].transpose(2, 1, 0))
        bias = net.hold(f"{name}_bias", net.weights[f"conv1d.{number}.bias"])
        at = net.add("Conv", [at, weight, bias], name, kernel_shape=[4], dilations=[dilation], pads=[3 * dilation, 0])
        at = net.add("Elu", [net.norm(at, 3 + number, f"{name}_norm")], f"{name}_elu")
    return net.add("Elu", [net.add("Add", [at, before], f"w{n}_sum{block}")], f"w{n}_block{block}")


def convert(weights: Path, runs: Runs, subject: int, out: Path) -> surgery.Report:
    """Writes the bundle of a subject's network into a folder of `out`."""
    file = weights / f"subject-{subject}.h5"
    original = network(read_weights(file))
    recording = runs.get(1, 4)
    raw = resampled(recording, CHANNELS, RATE_HZ)
    real = np.stack([raw[:, start : start + WINDOW] for start in range(0, raw.shape[1] - WINDOW, WINDOW)])
    model, report = surgery.operate(original, real, scales=(SPREAD_UV,))
    contract = Contract(
        identity=Identity(
            f"atcnet-2a-s{subject}",
            "1.0.0",
            "Left hand, right hand, feet or tongue imagined: ATCNet of Altaheri et al. 2022. Its input scaler is unknown: for parity "
            "and latency with real weights only. Not for clinical use.",
            "Apache-2.0",
        ),
        input=Input("window", CHANNELS, "uV", RATE_HZ, WINDOW, HOP),
        output=Output("posterior", "class_posteriors", CLASSES),
        provenance=Provenance(
            trained_by="Altaheri, Muhammad, Alsulaiman, Physics-informed attention temporal convolutional network, IEEE TII 19(2), 2023",
            code_version=f"{file.name}, SHA-256 {sha256_of(file)}; converted by {CODE_VERSION}",
            subjects=f"subject {subject} of BCI Competition IV 2a",
            split="By session, as its authors state; nothing was tried here, for the data are not to be had.",
        ),
    )
    origin = f"{recording.file} of eegmmidb v1.0.0, its first {GOLDEN_FRAMES} frames once resampled from 160 to 250 Hz"
    golden = Golden(raw[:, :GOLDEN_FRAMES].T, origin)
    body = BODY.format(
        labels=" ".join(CHANNELS),
        spread=SPREAD_UV,
        subject=subject,
        done="\n".join(f"- {line}" for line in report.done),
        windows=report.parity.windows,
        difference=report.parity.difference,
    )
    command = "python -m bcid_models.convert.atcnet_2a"
    write(out / contract.identity.name, model, contract, golden, weights / "LICENSE", command, body)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, what in (
        ("weights", "folder of the weights"),
        ("data", "folder of the runs"),
        ("out", "folder for the bundle"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    parser.add_argument("--subject", type=int, choices=(1, 2, 3), default=1, help="whose weights")
    parser.add_argument("--keras", action="store_true", help="hold the outputs against Keras too")
    arguments = parser.parse_args()
    print(convert(arguments.weights, Runs(arguments.data), arguments.subject, arguments.out))
    if arguments.keras:
        from .atcnet_keras import outputs

        windows = parity.noise((16, len(CHANNELS), WINDOW), SPREAD_UV)
        held = read_weights(arguments.weights / f"subject-{arguments.subject}.h5")
        print(f"Keras: {parity.compare(parity.outputs(network(held), windows), outputs(held, windows / SPREAD_UV))}")


if __name__ == "__main__":
    main()
