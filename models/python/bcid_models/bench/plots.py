"""Plots of what the benchmark found: accuracies with their intervals, and windows moved against the cue."""

from pathlib import Path

from .tasks import PROTOCOLS

COLOURS = ("#1f6fb2", "#c0562b", "#3a8f5a", "#7a5aa6", "#8a97a3", "#b08a1e")
DATE = {"Date": None, "Creator": None}
"""The same plot is the same file."""


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams |= {
        "svg.hashsalt": "bcid",
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    from matplotlib import pyplot

    return pyplot


def accuracies(rows: dict, protocols: list[str], models: list[str], file: Path) -> None:
    """A panel for each protocol: each model's accuracy through the daemon, 95 % interval, chance dashed; seed 0."""
    pyplot = _pyplot()
    shown = [p for p in protocols if sum((p, m) in rows for m in models) > 1]
    models = [m for m in models if any((p, m) in rows for p in shown)]
    figure, axes = pyplot.subplots(
        1, len(shown), figsize=(3.1 * len(shown), 0.2 * len(models) + 1.4), sharey=True, squeeze=False
    )
    for axis, protocol in zip(axes[0], shown, strict=True):
        for k, model in enumerate(reversed(models)):
            if (protocol, model) not in rows:
                continue
            live = rows[protocol, model][0]["live"] or rows[protocol, model][0]["offline"]
            low, high = live["accuracy_ci95"]
            axis.plot([low, high], [k, k], color=COLOURS[0], linewidth=1)
            axis.plot([live["accuracy"]], [k], "o", color=COLOURS[0], markersize=4)
            axis.axvline(live["chance"], color=COLOURS[4], linestyle="--", linewidth=1)
        axis.set_title(f"{protocol}\n{PROTOCOLS[protocol].about}", fontsize=8)
        axis.set_xlim(0, 1.03)
        axis.set_xlabel("accuracy through the daemon; pyRiemann's: offline", fontsize=7)
    axes[0][0].set_yticks(range(len(models)), list(reversed(models)))
    figure.tight_layout()
    figure.savefig(file, metadata=DATE)
    pyplot.close(figure)


def shifts(curves: dict[str, list[dict]], file: Path) -> None:
    """Accuracy where windows are moved against the cue, a line each; a decoder that reads the response to the cue falls at once."""
    pyplot = _pyplot()
    figure, axis = pyplot.subplots(figsize=(6.4, 3.4))
    for k, (name, curve) in enumerate(curves.items()):
        at, accuracy = [point["shift_s"] for point in curve], [point["accuracy"] for point in curve]
        axis.plot(at, accuracy, "o-", color=COLOURS[k % len(COLOURS)], markersize=3, label=name)
    axis.set_ylim(0, 1.02)
    axis.set_xlabel("windows moved against the cue by, s")
    axis.set_ylabel("accuracy, through the daemon")
    axis.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(file, metadata=DATE)
    pyplot.close(figure)


def intents(found: dict[str, dict], file: Path) -> None:
    """Trials detected against false activations a minute at every threshold, at the smoothing that was chosen; a dot at the threshold chosen."""
    pyplot = _pyplot()
    figure, axis = pyplot.subplots(figsize=(6.4, 4.2))
    axis.axhspan(0.8, 1.0, xmax=2.0 / 6.0, color=COLOURS[2], alpha=0.12, linewidth=0)
    shown = sorted(found, key=lambda model: -found[model]["detected"])[: 2 * len(COLOURS)]
    for k, model in enumerate(shown):
        own = found[model]
        if not own["curve"]:
            continue
        colour, style = COLOURS[k % len(COLOURS)], "-" if k < len(COLOURS) else "--"
        false, detected = [c[2] for c in own["curve"]], [c[1] / own["imagery_trials"] for c in own["curve"]]
        axis.plot(false, detected, style, color=colour, linewidth=1, label=model)
        at = own["false_activations"] / own["rest_min"], own["detected"] / own["imagery_trials"]
        axis.plot(*at, "o", color=colour, markersize=5)
    axis.set_xlim(0, 6)
    axis.set_ylim(0, 1)
    axis.set_xlabel("false activations a minute of rest")
    axis.set_ylabel("imagery trials detected")
    axis.set_title(
        "without cues, 7 April -> 8 April (openbci16-left-right-idle); dots: as the decoder states", fontsize=8
    )
    axis.legend(frameon=False, fontsize=7, loc="lower right", ncols=2)
    figure.tight_layout()
    figure.savefig(file, metadata=DATE)
    pyplot.close(figure)
