"""Training of networks: who teaches and who only stops, the same from the same seed, and what a transfer changes."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("braindecode")

from bcid_models import onnx_run  # noqa: E402
from bcid_models.bench import ensemble, training, transfer  # noqa: E402
from bcid_models.bench.fed import Cued, Fed  # noqa: E402
from bcid_models.bench.methods import Ensemble, Network, Part, Plan, Transfer  # noqa: E402
from bcid_models.bench.run import Bench  # noqa: E402
from bcid_models.bench.tasks import Fold, Protocol, Task  # noqa: E402

RATE_HZ = 64.0
TASK = Task("synthetic", ("left", "right"), ("C3", "Cz", "C4"), RATE_HZ, 0.0, 2.0)
PLAN = Plan(((4.0, 30.0),), 1.0, hop_s=0.25)
TWO_BANDS = Plan(((4.0, 30.0), (8.0, 14.0)), 1.0, hop_s=0.25)
QUICK = {"epochs": 4, "patience": 4}


def silent(done: int, of: int) -> None:
    """Nobody looks."""


def fed(seed: int, recordings: int = 4, trials: int = 8) -> Fed:
    """Synthetic: an oscillation of 12 Hz over C3 or over C4, in noise; a trial every 3 s, four windows a second."""
    rng = np.random.default_rng(seed)
    count = recordings * trials
    seconds = 3.0 * count
    label = np.arange(count) % 2
    signal = rng.normal(size=(3, round(seconds * RATE_HZ)))
    for t in range(count):
        own = np.arange(round(3 * t * RATE_HZ), round((3 * t + 2) * RATE_HZ))
        signal[2 * label[t], own] += 2 * np.sin(2 * np.pi * 12 * own / RATE_HZ)
    newest = np.arange(round(RATE_HZ) - 1, signal.shape[1], 16)
    windows = np.stack([signal[:, n - 63 : n + 1] for n in newest]).astype(np.float32)
    every = np.ones(len(newest), bool)
    return Fed(
        numbers=windows, oldest_s=(newest - 63) / RATE_HZ, newest_s=newest / RATE_HZ, valid=every, teaches=every,
        generation=np.zeros(len(newest), int), recording=(newest / RATE_HZ // (3 * trials)).astype(int), classes=TASK.classes,
        trials=tuple(Cued(int(label[t]), t // trials, 3.0 * t) for t in range(count)), span_s=(0.0, 2.0),
    )  # fmt: skip


def both_bands(some: Fed) -> Fed:
    """The signal twice, the second time at twice the size: as if of two bands."""
    return dataclasses.replace(some, numbers=np.concatenate([some.numbers, 2 * some.numbers], axis=1))


def test_the_last_recording_only_stops_and_each_does_once():
    some = fed(1)
    teach, stop = training.split(some, 0.2)
    assert {some.trials[t].recording for t in stop} == {3} and {some.trials[t].recording for t in teach} == {0, 1, 2}
    turns = [training.split(some, 0.2, turn)[1] for turn in range(4)]
    assert sorted(t for stop in turns for t in stop) == list(range(32))
    # Of one recording the last trials of each class.
    teach, stop = training.split(fed(1, recordings=1, trials=20), 0.2)
    assert stop == [16, 17, 18, 19] and teach == list(range(16))


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    network = Network("eegnet", "eegnet", PLAN, recipe=QUICK)
    runs = [training.fit(network, fed(1), TASK, seed, silent) for seed in (0, 0, 1)]
    weights = [torch.cat([v.flatten().double() for v in run.module.state_dict().values()]) for run in runs]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert runs[0].to_onnx().SerializeToString() == runs[1].to_onnx().SerializeToString()


def test_a_network_without_an_output_for_a_held_window_is_refused():
    some = fed(1)
    windows = some.numbers.copy()
    windows[some.within(some.trials[-1])[0], 0, 5] = np.nan
    poisoned = dataclasses.replace(some, numbers=windows)
    with pytest.raises(FloatingPointError, match="epoch 1: the loss of trials that only tell when to stop is nan"):
        training.fit(Network("eegnet", "eegnet", PLAN, recipe=QUICK), poisoned, TASK, 0, silent)


def test_what_can_be_told_apart_is_learned_and_held_trials_do_not_teach():
    some = fed(2, recordings=6, trials=10)
    trained = training.fit(Network("shallow", "shallow", PLAN, recipe={"epochs": 15}), some, TASK, 0, silent)
    other = fed(3)
    own = [other.within(trial) for trial in other.trials]
    right = [
        trained.posteriors(np.asarray(other.numbers[o])).mean(axis=0).argmax() == t.label
        for o, t in zip(own, other.trials, strict=True)
    ]
    assert np.mean(right) > 0.9
    # Were the cues of the held recording all wrong, the weights of the first epoch would be the same.
    wrong = tuple(dataclasses.replace(t, label=1 - t.label) if t.recording == 5 else t for t in some.trials)
    once = {"epochs": 1}
    first, second = (
        training.fit(
            Network("shallow", "shallow", PLAN, recipe=once), dataclasses.replace(some, trials=trials), TASK, 0, silent
        )
        for trials in (some.trials, wrong)
    )
    for a, b in zip(first.module.parameters(), second.module.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("mode", "changes"),
    [
        ("none", set()),
        ("head", {"head"}),
        ("frozen", {"head", "statistics"}),
        ("reset", {"head", "mixing"}),
        ("full", {"head", "body", "statistics"}),
    ],
)
def test_a_transfer_changes_what_its_mode_says_and_nothing_else(mode, changes):
    source, own = fed(4), fed(5, recordings=3, trials=4)
    before = training.fit(Network("x", "shallow", PLAN, recipe=QUICK), source, TASK, 0, silent).module.state_dict()
    after = transfer.tune(Transfer("x", "shallow", mode, PLAN, recipe=QUICK), source, own, TASK, 0, silent)
    state = {name.removeprefix("network."): value for name, value in after.module.state_dict().items()}
    found = set()
    if "mixing" in state:
        assert not torch.equal(state.pop("mixing"), torch.eye(3))
        found.add("mixing")
    for name, value in state.items():
        if not torch.equal(value, before[name]):
            kind = (
                "head"
                if name.startswith("final_layer")
                else "statistics"
                if "running" in name or "batches" in name
                else "body"
            )
            found.add(kind)
    assert found == changes


def test_an_ensemble_is_the_geometric_mean_of_its_members_kinds_alike():
    method = Ensemble(
        "x", (Part("eegnet"), Part("eegnet"), Part("shallow", (0,), 0.75), Part("ts-lr", (1,), 0.5)), TWO_BANDS
    )
    together = ensemble.fit(method, both_bands(fed(6, recordings=3, trials=4)), TASK, 0, silent)
    windows = both_bands(fed(7, recordings=1, trials=4)).numbers[:5]
    fed_to = [windows[:, :3], windows[:, :3], windows[:, :3, -48:], windows[:, 3:, -32:]]
    each = [m.trained.posteriors(w) for m, w in zip(together.members, fed_to, strict=True)]
    mean = np.exp(np.einsum("m,mwc->wc", [1 / 6, 1 / 6, 1 / 3, 1 / 3], np.log(np.maximum(each, ensemble.TINY))))
    mean /= mean.sum(axis=1, keepdims=True)
    assert together.posteriors(windows) == pytest.approx(mean, abs=1e-6)
    assert len({tuple(p[0].round(6)) for p in each}) == 4
    logits = onnx_run.Graph(together.to_onnx(), "signal", "logits").posteriors(windows).astype(float)
    assert np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) == pytest.approx(mean, abs=2e-6)


def test_temperature_makes_overconfident_logits_honest():
    rng = np.random.default_rng(8)
    labels = torch.from_numpy(rng.integers(0, 2, 4000))
    # Right in three of four, said as if it were nearly always.
    said = torch.where(torch.from_numpy(rng.random(4000) < 0.75), labels, 1 - labels)
    logits = torch.nn.functional.one_hot(said, 2).double() * 8.0
    # ln 3 is what three of four is worth.
    assert training.tempered(logits, labels) == pytest.approx(8.0 / np.log(3.0), rel=0.06)


def test_a_network_trained_on_a_recording_decides_live_as_offline(bcid, data, tmp_path):
    """A small training on shipped recordings, through the daemon; twice, the same."""
    files = ("S001R05.edf", "S001R06.edf", "S001R09.edf", "S001R10.edf")
    protocol = Protocol("small", "runs 5, 6, 9 -> 10", "eegmmidb-fists-feet", (Fold(files[:3], files[3:]),), "onwards")
    network = Network("shallow", "shallow", Plan(((4.0, 38.0),), 1.0), recipe={"epochs": 10})
    rows = []
    for turn in ("one", "two"):
        bench = Bench(bcid, {file: data / file for file in files}, tmp_path / turn)
        rows.append(bench.row(network, protocol, 0, silent))
    first, again = rows[0]["folds"][0], rows[1]["folds"][0]
    assert first["agreement"]["otherwise"] == 0 and first["agreement"]["largest_difference"] < 1e-4
    assert first["onnx_difference"] < 1e-5
    assert first["decided"] == again["decided"] and rows[0]["live"]["roc_auc"] == rows[1]["live"]["roc_auc"]
    # Measured 13 of 15; 8 by chance.
    assert rows[0]["live"]["correct"] >= 11
