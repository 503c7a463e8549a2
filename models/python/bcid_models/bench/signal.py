"""What stands before a model in the daemon: the decoder's own steps, as its contract states them."""

from dataclasses import dataclass
from pathlib import Path

from ..contract import Contract, Identity, Input, Output, Provenance, Step, document, to_toml
from .tasks import Task

ALIGN = "align.toml"
"""Where a bundle keeps the reference that its alignment begins with."""
REFERENCE_S = 3.0
"""As how long that reference counts where it is gone on with."""
PRIOR_S = 20.0
"""As how long it counts, at first, that no class is more frequent than another."""


@dataclass(frozen=True)
class Plan:
    """Bands, each filtered from the same channels; recentred or not; windows of `window_s` every `hop_s`.

    `align` recentres on the Riemannian mean of trials so far (Zanini et al., IEEE TBME 65(5), 2018), learned without labels.
    """

    bands_hz: tuple[tuple[float, float], ...]
    window_s: float
    hop_s: float = 0.1
    align: bool = True
    align_s: float = 1.0

    def samples(self, task: Task) -> int:
        """Frames of a window."""
        return round(self.window_s * task.rate_hz)

    def hop(self, task: Task) -> int:
        """Frames from one window to the next."""
        return max(1, int(self.hop_s * task.rate_hz))

    def prior_windows(self, task: Task) -> int:
        """As how many windows it counts that no class is more frequent."""
        return round(PRIOR_S * task.rate_hz / self.hop(task))

    def steps(self, task: Task, reference: bool) -> tuple[Step, ...]:
        """The decoder's own steps; with the reference that was learned beside them, or to learn one."""
        if len(self.bands_hz) == 1:
            [(low, high)] = self.bands_hz
            steps: list[Step] = [{"band_pass": {"low_hz": low, "high_hz": high, "order": 4}}]
        else:
            steps = [{"filter_bank": {"bands_hz": [list(band) for band in self.bands_hz], "order": 4}}]
        if self.align:
            whole = 1e3 / task.rate_hz
            hop = self.hop(task)
            settings = {"metric": "riemann", "mode": "running", "shrinkage": "oas", "groups": len(self.bands_hz)}
            settings |= {"window_ms": round(self.align_s * task.rate_hz) * whole, "hop_ms": hop * whole}
            if reference:
                counts = max(1, round(REFERENCE_S * task.rate_hz / hop))
                settings |= {"reference": ALIGN, "reference_windows": counts}
            if len(self.bands_hz) == 1:
                del settings["groups"]
            steps.append({"align": settings})
        return tuple(steps)

    def contract(
        self, task: Task, name: str, output: Output, provenance: Provenance, about: str, licence: str, reference: bool
    ) -> Contract:
        """The contract of a decoder of windows of this signal."""
        given = Input("signal", task.channels, "uV", task.rate_hz, self.samples(task), self.hop(task))
        return Contract(
            Identity(name, "1.0.0", about, licence),
            given,
            output,
            provenance,
            self.steps(task, reference and self.align),
        )


def write_draft(folder: Path, plan: Plan, task: Task, align: Path | None) -> None:
    """A contract without a model, with the reference `align` to begin with or none: what `bcid windows` asks for."""
    folder.mkdir(parents=True, exist_ok=True)
    reference = align is not None and plan.align
    if reference:
        (folder / ALIGN).write_bytes(align.read_bytes())
    made = plan.contract(
        task,
        "draft",
        Output("logits", "class_logits", task.classes),
        Provenance("-", "-", "-", "-"),
        "-",
        "-",
        reference,
    )
    found = document(made)
    del found["model"]
    (folder / "decoder.toml").write_text(to_toml(found), encoding="utf-8")
