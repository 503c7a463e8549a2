"""Chooses montage, reference and recipe by cross-validation on the training runs; opens no other file.

    python -m bcid_models.choose_csp_lda --data models/data/eegmmidb

Rule, fixed beforehand: most trials right, then the lower log loss on windows; but a smaller montage is taken where it
is at most one trial behind, for it sees less of eyes and muscles and is quicker to put on.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .causal import SignalPath
from .crossval import CrossValidation, leave_one_run_out, run_of
from .decoder import Recipe
from .eegmmidb import TRAIN
from .montage import CENTRAL_9, CENTRAL_21
from .recording import Recording, read


@dataclass(frozen=True)
class Candidate:
    """A setting and how it did."""

    path: SignalPath
    recipe: Recipe
    result: CrossValidation

    @property
    def rank(self) -> tuple[int, float]:
        return self.result.pooled.right, -self.result.pooled.log_loss

    def __str__(self) -> str:
        runs = " ".join(f"{f.right:2}" for f in self.result.folds)
        pooled = self.result.pooled
        return (
            f"{len(self.path.channels):2} channels, {'common average' if self.path.common_average else 'as recorded   '}, "
            f"{self.recipe.filters} filters, shrinkage {self.recipe.shrinkage:4}: "
            f"{pooled.right} of {pooled.trials} trials ({runs}), windows {pooled.window_accuracy:.3f}, "
            f"log loss {pooled.log_loss:.3f}, untempered {self.result.log_loss_untempered:.3f}"
        )


def candidates(recordings: list[Recording]) -> Iterator[Candidate]:
    """Every setting tried, in a fixed order."""
    for channels in (recordings[0].channels, CENTRAL_21, CENTRAL_9):
        for common_average in (False, True):
            path = SignalPath(channels, common_average)
            runs = [run_of(r, path) for r in recordings]
            for filters in (4, 6, 8):
                for shrinkage in (0.01, 0.1):
                    recipe = Recipe(filters, shrinkage)
                    yield Candidate(path, recipe, leave_one_run_out(runs, recipe))


def choose(tried: list[Candidate]) -> Candidate:
    """The rule above."""
    most = max(c.result.pooled.right for c in tried)
    good = [c for c in tried if c.result.pooled.right >= most - 1]
    fewest = min(len(c.path.channels) for c in good)
    return max((c for c in good if len(c.path.channels) == fewest), key=lambda c: c.rank)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the EDF runs")
    data = parser.parse_args().data
    tried = []
    for candidate in candidates([read(data / file) for file in TRAIN]):
        print(candidate, flush=True)
        tried.append(candidate)
    print("chosen:", choose(tried))


if __name__ == "__main__":
    main()
