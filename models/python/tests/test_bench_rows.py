"""The benchmark's parts: which windows are a trial's, levelling, figures; and one row, made twice, offline and live."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from bcid_models.bench import table, tasks
from bcid_models.bench.fed import Cued, Fed
from bcid_models.bench.level import level
from bcid_models.bench.measures import Trials, balanced, kappa, p_permutation, roc_auc
from bcid_models.bench.methods import METHODS
from bcid_models.bench.run import Bench
from bcid_models.bench.tasks import PROTOCOLS, Fold, Protocol
from bcid_models.daemon import Bcid


def fed(windows: int, trials: tuple[Cued, ...] = (), teaches: bool = True) -> Fed:
    """Windows of 1 s every 0.1 s, the newest sample of the first at 1 s."""
    newest = 1.0 + 0.1 * np.arange(windows)
    return Fed(
        numbers=np.zeros((windows, 2, 4), np.float32), oldest_s=newest - 1.0, newest_s=newest, valid=np.ones(windows, bool),
        teaches=np.full(windows, teaches), generation=np.zeros(windows, int), recording=np.zeros(windows, int),
        classes=("a", "b"), trials=trials, span_s=(0.5, 4.0),
    )  # fmt: skip


def test_windows_of_a_trial_lie_wholly_within_its_span_and_can_be_trusted():
    some = fed(100)
    own = some.within(Cued(0, 0, 2.0))
    # From 2.5 to 6 s: newest samples of 3.5 to 6.0.
    assert some.newest_s[own[[0, -1]]] == pytest.approx([3.5, 6.0])
    assert len(own) == 26
    later = some.within(Cued(0, 0, 2.0), shift_s=0.25)
    assert some.newest_s[later[[0, -1]]] == pytest.approx([3.8, 6.2])
    some.valid[own[3]] = False
    assert len(some.within(Cued(0, 0, 2.0))) == 25


def test_levelling_divides_by_how_frequent_classes_seem_and_never_by_less_than_a_quarter_of_their_share():
    posteriors = np.tile(np.float32([0.8, 0.2]), (2000, 1))
    levelled = level(posteriors, fed(2000), prior_windows=10)
    # The mean tends to the posterior itself: hardly anything is left of it.
    last = np.array([0.8 / (0.5 * 10 + 0.8 * 2000), 0.2 / (0.5 * 10 + 0.2 * 2000)])
    assert levelled[-1] == pytest.approx(last / last.sum(), rel=1e-5)
    assert abs(levelled[-1, 0] - 0.5) < 3e-3
    # After the first window the mean is (10 * 0.5 + 0.8) / 11 of the one, (10 * 0.5 + 0.2) / 11 of the other.
    share = np.array([0.8 / (5.8 / 11), 0.2 / (5.2 / 11)])
    assert levelled[0] == pytest.approx(share / share.sum(), rel=1e-5)
    extreme = level(np.tile(np.float32([0.999, 0.001]), (5000, 1)), fed(5000), prior_windows=1)
    bounded = np.array([0.999 / 0.999, 0.001 / 0.125])
    assert extreme[-1] == pytest.approx(bounded / bounded.sum(), rel=1e-2)
    # Where nothing teaches, nothing is known.
    assert np.array_equal(level(posteriors, fed(2000, teaches=False), prior_windows=10), posteriors)


def test_figures_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    cued = rng.integers(0, 3, 200)
    posteriors = rng.dirichlet(np.ones(3), 200) + 0.5 * np.eye(3)[cued]
    posteriors /= posteriors.sum(axis=1, keepdims=True)
    decided = posteriors.argmax(axis=1)
    assert balanced(cued, decided) == pytest.approx(metrics.balanced_accuracy_score(cued, decided))
    assert kappa(cued, decided) == pytest.approx(metrics.cohen_kappa_score(cued, decided))
    assert roc_auc(cued, posteriors) == pytest.approx(metrics.roc_auc_score(cued, posteriors, multi_class="ovr"))


def test_a_trial_without_a_window_is_wrong_and_chance_is_that_of_the_largest_class():
    trials = Trials(np.array([0, 1, 1, 1]), np.array([[0.0, 0.0], [0.2, 0.8], [0.1, 0.9], [0.6, 0.4]]), 5, 10)
    assert trials.decided().tolist() == [-1, 1, 1, 0]
    figures = trials.figures()
    assert (figures["correct"], figures["trials"], figures["chance"], figures["window_accuracy"]) == (2, 4, 0.75, 0.5)
    # 5 of each all right: one order of 252.
    perfect = np.repeat([0, 1], 5)
    assert p_permutation(perfect, perfect) == pytest.approx(1 / 252, abs=0.002)


def test_no_fold_tries_what_has_taught():
    for protocol in PROTOCOLS.values():
        for fold in protocol.folds:
            assert fold.train and fold.test and not set(fold.train) & set(fold.test), protocol.name
    # Of days and people nothing is on both sides.
    person = PROTOCOLS["others-s1-lr"].folds[0]
    assert not any(file.startswith("S001") for file in person.train) and all(
        file.startswith("S001") for file in person.test
    )


def row(bcid: Bcid, data: Path, work: Path) -> dict:
    files = ("S001R05.edf", "S001R06.edf", "S001R10.edf")
    bench = Bench(bcid, {file: data / file for file in files}, work)
    fold = Fold(files[:2], files[2:])
    protocol = Protocol("small", "runs 5 and 6 -> 10", "eegmmidb-fists-feet", (fold,), "onwards")
    return bench.row(METHODS["ts-lr"], protocol, 0, lambda done, of: None)


def test_a_row_is_the_same_twice_and_the_same_live_as_offline(bcid, data, tmp_path):
    found = row(bcid, data, tmp_path / "one")
    assert (found["offline"]["trials"], found["live"]["trials"]) == (15, 15)
    # Measured 14; chance 8.
    assert found["live"]["correct"] >= 12
    [fold] = found["folds"]
    assert fold["agreement"]["otherwise"] == 0
    assert fold["agreement"]["largest_difference"] < 1e-4
    assert fold["onnx_difference"] < 1e-5
    assert [s["shift_s"] for s in found["live"]["window_shift"]] == [-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0]
    again = row(bcid, data, tmp_path / "two")
    timeless = [{k: v for k, v in r.items() if k != "folds"} for r in (found, again)]
    assert timeless[0] == timeless[1]
    assert fold["decided"] == again["folds"][0]["decided"]


def test_tables_say_what_rows_say(bcid, data, tmp_path):
    made = row(bcid, data, tmp_path / "work") | {"protocol": "s1-ff-10"}
    (tmp_path / "s1-ff-10--ts-lr--0.json").write_text(json.dumps(made), encoding="utf-8")
    page = tmp_path / "README.md"
    page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n", encoding="utf-8")
    table.insert(page, table.markdown(table.read(tmp_path)))
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert f"| ts-lr | {made['live']['correct']} | {made['live']['accuracy']:.3f} (" in text
    with pytest.raises(ValueError, match="once each"):
        table.insert(tmp_path / "s1-ff-10--ts-lr--0.json", "")


def test_the_page_that_is_shipped_is_that_of_the_rows_beside_it():
    rows = tasks.ROOT / "models" / "bench"
    shipped = (rows / "README.md").read_text(encoding="utf-8").split(table.BEGIN)[1].split(table.END)[0]
    assert shipped == f"\n\n{table.page(rows)}\n", "`cargo xtask models table` writes it anew"


def test_what_a_row_was_made_of_is_told_apart(data, tmp_path):
    files = {f: data / f for f in ("S001R05.edf", "S001R06.edf", "S001R10.edf")}
    fold = Fold(("S001R05.edf", "S001R06.edf"), ("S001R10.edf",))
    small = Protocol("small", "", "eegmmidb-fists-feet", (fold,), "onwards")

    def digest(model: str = "ts-lr", protocol: Protocol = small, recordings: dict = files) -> str:
        return Bench(Bcid(tmp_path / "none"), recordings, tmp_path).made_of(METHODS[model], protocol)

    turned = dataclasses.replace(small, folds=(Fold(fold.train[::-1], fold.test),))
    other = {**files, "S001R10.edf": data / "S001R09.edf"}
    found = [
        digest(), digest("mdm"), digest(protocol=turned), digest(recordings=other),
        digest(protocol=dataclasses.replace(small, adapt="running")),
        digest(protocol=dataclasses.replace(small, task="eegmmidb-left-right")),
    ]  # fmt: skip
    assert len(set(found)) == len(found) and digest() == found[0]


def test_tasks_are_read_as_the_daemon_ships_them():
    task = tasks.task("openbci16-left-right-idle")
    assert (task.classes, len(task.channels), task.rate_hz, task.to_s) == (("left", "right", "idle"), 11, 125.0, 5.5)
