"""The decoder contract, schema 2, as data: what `decoder.toml` and the ONNX file's metadata both say.

The keys and their meaning are documented in `models/src/bundle.rs`. A key that has its default is left out.
"""

import json
from dataclasses import dataclass, field
from pathlib import PurePosixPath

SCHEMA = 2
METADATA_KEY = "bcid.contract"
"""Where the ONNX file holds the contract, as JSON."""

Step = dict[str, dict]
"""One preprocessing step as the signal engine reads it: one key, the step's name, and its settings."""


@dataclass(frozen=True)
class Identity:
    """Name, semantic version and what people should know first."""

    name: str
    version: str
    description: str
    licence: str


@dataclass(frozen=True)
class Input:
    """The input tensor: `[1, channels, samples]` after the preprocessing; `rate_hz` is that of the stream before it."""

    tensor: str
    channels: tuple[str, ...]
    unit: str
    rate_hz: float
    window_samples: int
    hop_samples: int
    feed: str = "window"
    layout: str = "channels_samples"

    def fed_samples(self) -> int:
        """Frames that the tensor holds."""
        return self.hop_samples if self.feed == "hop" else self.window_samples


@dataclass(frozen=True)
class State:
    """Memory from one run to the next: the tensor taken, the tensor yielded, and the shape of both."""

    input: str
    output: str
    shape: tuple[int, ...]
    initial: float = 0.0
    reset: str = "invalid"


@dataclass(frozen=True)
class Output:
    """The output tensor, and what its numbers are; of `classes`, `axes`, `size` and `tokens` the one that `kind` takes."""

    tensor: str
    kind: str
    classes: tuple[str, ...] = ()
    temperature: float = 1.0
    reject_below: float = 0.0
    prior_windows: float | None = None
    axes: tuple[str, ...] = ()
    unit: str = "1/s"
    size: int = 0
    tokens: tuple[str, ...] = ()
    steps: int = 1
    settle_samples: int | None = None

    def numbers(self) -> int:
        """Numbers a run."""
        counts = {"velocity": len(self.axes), "embedding": self.size, "token_logits": self.steps * len(self.tokens)}
        return counts.get(self.kind, len(self.classes))


@dataclass(frozen=True)
class OperatingPoint:
    """From which smoothed probability on a class is an intent, and the smoothing that this was chosen with."""

    threshold: float
    smoothing_ms: float


@dataclass(frozen=True)
class RecordingUse:
    """A recording and what it served for: `train`, `validate` or `test`."""

    file: str
    sha256: str
    use: str


@dataclass(frozen=True)
class Metric:
    """A figure stated by the decoder's maker, with its 95 % interval and what guessing yields."""

    name: str
    on: str
    value: float
    ci95: tuple[float, float]
    trials: int
    chance: float


@dataclass(frozen=True)
class Provenance:
    """How the decoder came to be; `split` says in words what was kept from what."""

    trained_by: str
    code_version: str
    subjects: str
    split: str
    recordings: tuple[RecordingUse, ...] = ()
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True)
class Contract:
    """Everything of a bundle but the model, its hash and the golden segment."""

    identity: Identity
    input: Input
    output: Output
    provenance: Provenance
    preprocessing: tuple[Step, ...] = ()
    states: tuple[State, ...] = field(default=())
    intent: OperatingPoint | None = None


def document(contract: Contract, model_file: str = "model.onnx") -> dict:
    """The contract as plain data, in the order in which it is written."""
    assert PurePosixPath(model_file).name == model_file, "a file within the bundle's folder"
    found = {
        "schema": SCHEMA,
        **vars(contract.identity),
        "model": {"file": model_file},
        "input": _input(contract.input),
    }
    if contract.preprocessing:
        found["preprocessing"] = [dict(step) for step in contract.preprocessing]
    if contract.states:
        found["state"] = [_changed(state, State("", "", ())) for state in contract.states]
    found["output"] = _output(contract.output)
    if contract.intent:
        found["intent"] = dict(vars(contract.intent))
    return found | {"provenance": _provenance(contract.provenance)}


def from_document(found: dict) -> Contract:
    """The contract that a `decoder.toml`, or the metadata of an ONNX file, states; the model's hash and the golden segment aside."""
    if found.get("schema") != SCHEMA:
        raise ValueError(f"schema {found.get('schema')} is not {SCHEMA}")
    provenance = dict(found["provenance"])
    uses = tuple(RecordingUse(**r) for r in provenance.pop("recordings", []))
    metrics = tuple(Metric(**_tuples(m)) for m in provenance.pop("metrics", []))
    return Contract(
        identity=Identity(*(found[key] for key in ("name", "version", "description", "licence"))),
        input=Input(**_tuples(found["input"])),
        output=Output(**_tuples(found["output"])),
        provenance=Provenance(**provenance, recordings=uses, metrics=metrics),
        preprocessing=tuple(found.get("preprocessing", [])),
        states=tuple(State(**_tuples(state)) for state in found.get("state", [])),
        intent=OperatingPoint(**found["intent"]) if "intent" in found else None,
    )


def metadata(contract: Contract) -> dict[str, str]:
    """What a lone `model.onnx` says of itself."""
    return {METADATA_KEY: json.dumps(document(contract), ensure_ascii=False, separators=(",", ":"))}


def to_toml(found: dict) -> str:
    """`found` as TOML: plain values first, then tables; the tables of `preprocessing` hold inline tables."""
    lines = [f"{key} = {_value(value)}" for key, value in found.items() if not _is_table(value)]
    for key, value in found.items():
        if _is_table(value):
            lines += _table(key, value)
    return "\n".join(lines) + "\n"


def _table(path: str, value: dict | list) -> list[str]:
    if isinstance(value, list):
        return [line for item in value for line in ["", f"[[{path}]]", *_body(path, item)]]
    return ["", f"[{path}]", *_body(path, value)]


def _body(path: str, table: dict) -> list[str]:
    inline = path == "preprocessing"
    lines = [f"{key} = {_value(value)}" for key, value in table.items() if inline or not _is_table(value)]
    if not inline:
        for key, value in table.items():
            if _is_table(value):
                lines += _table(f"{path}.{key}", value)
    return lines


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _value(value: object) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # A JSON string of printable text is a TOML basic string; numbers and truth values are written alike.
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _input(given: Input) -> dict:
    usual = Input("", (), "", 0.0, 0, 0)
    return _changed(given, usual)


def _output(given: Output) -> dict:
    return _changed(given, Output("", ""))


def _provenance(given: Provenance) -> dict:
    found = {key: getattr(given, key) for key in ("trained_by", "code_version", "subjects", "split")}
    if given.recordings:
        found["recordings"] = [_plain(vars(r)) for r in given.recordings]
    if given.metrics:
        found["metrics"] = [_plain(vars(m)) for m in given.metrics]
    return found


def _changed(given: object, usual: object) -> dict:
    """The fields that are not as they are by default."""
    return _plain({key: value for key, value in vars(given).items() if value != getattr(usual, key)})


def _tuples(fields: dict) -> dict:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


def _plain(fields: dict) -> dict:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in fields.items()}
