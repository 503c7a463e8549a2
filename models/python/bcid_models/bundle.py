"""The bundle's `decoder.toml`: what the daemon must feed the model, what it yields, and where it comes from."""

import json
from dataclasses import dataclass
from pathlib import Path

from . import causal
from .causal import SignalPath
from .crossval import Score
from .onnx_graph import INPUT, OUTPUT
from .recording import Recording, sha256_of
from .stats import CHANCE
from .trials import CLASSES

SCHEMA = 1


@dataclass(frozen=True)
class Identity:
    """Name, semantic version and what people should know first."""

    name: str
    version: str
    description: str
    licence: str


@dataclass(frozen=True)
class Provenance:
    """`split` says in words what was kept from what; `scores` are reported as trial accuracies."""

    trained_by: str
    subjects: str
    split: str
    train: list[Recording]
    test: list[Recording]
    scores: list[Score]


def metadata(identity: Identity, path: SignalPath) -> dict[str, str]:
    """What a lone `model.onnx` says of itself."""
    return {
        "name": identity.name,
        "version": identity.version,
        "description": identity.description,
        "licence": identity.licence,
        "classes": ",".join(CLASSES),
        "channels": ",".join(path.channels),
        "unit": "uV",
        "rate_hz": str(causal.RATE_HZ),
        "window_samples": str(causal.WINDOW),
        "hop_samples": str(causal.HOP),
        "preprocessing": f"causal Butterworth band-pass, {causal.LOW_HZ:g} to {causal.HIGH_HZ:g} Hz, order {causal.ORDER}"
        + (", then common average over these channels" if path.common_average else ""),
    }


def write_toml(folder: Path, identity: Identity, path: SignalPath, provenance: Provenance) -> None:
    """Writes `decoder.toml` beside a `model.onnx` that is already there."""
    lines = [
        f"schema = {SCHEMA}",
        f"name = {_text(identity.name)}",
        f"version = {_text(identity.version)}",
        f"description = {_text(identity.description)}",
        f"licence = {_text(identity.licence)}",
        "",
        "[model]",
        'file = "model.onnx"',
        f"sha256 = {_text(sha256_of(folder / 'model.onnx'))}",
        "",
        "[input]",
        f"tensor = {_text(INPUT)}",
        'unit = "uV"',
        f"rate_hz = {causal.RATE_HZ}",
        f"window_samples = {causal.WINDOW}",
        f"hop_samples = {causal.HOP}",
        f"channels = {_texts(path.channels)}",
        "",
        "[[preprocessing]]",
        f"band_pass = {{ low_hz = {causal.LOW_HZ}, high_hz = {causal.HIGH_HZ}, order = {causal.ORDER} }}",
        "",
        *(["[[preprocessing]]", "common_average = {}", ""] if path.common_average else []),
        "[output]",
        f"tensor = {_text(OUTPUT)}",
        'kind = "class_posteriors"',
        f"classes = {_texts(CLASSES)}",
        "",
        "[provenance]",
        f"trained_by = {_text(provenance.trained_by)}",
        f"subjects = {_text(provenance.subjects)}",
        f"split = {_text(provenance.split)}",
    ]
    for use, recordings in (("train", provenance.train), ("test", provenance.test)):
        for recording in recordings:
            lines += [
                "",
                "[[provenance.recordings]]",
                f"file = {_text(recording.file)}",
                f"sha256 = {_text(recording.sha256)}",
                f"use = {_text(use)}",
            ]
    for score in provenance.scores:
        low, high = score.ci95
        lines += [
            "",
            "[[provenance.metrics]]",
            'name = "trial_accuracy"',
            f"on = {_text(score.on)}",
            f"value = {score.accuracy:.4f}",
            f"ci95 = [{low:.4f}, {high:.4f}]",
            f"trials = {score.trials}",
            f"chance = {CHANCE}",
        ]
    (folder / "decoder.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _text(value: str) -> str:
    # A JSON string of printable text is a TOML basic string.
    return json.dumps(value, ensure_ascii=False)


def _texts(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"
