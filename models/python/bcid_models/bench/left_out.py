"""From where on a class is an intent: chosen on a session of which the decoder knows no cue, each recording by one taught by the others.

What alignment learned, without cues, it learned of all that came before, as in the daemon.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from . import intent
from .fed import Fed
from .level import level
from .methods import Progress, Trained

FEWEST = 3
"""Recordings: with fewer, too little would be left to teach."""

Learn = Callable[[Fed, Progress], Trained]


def turns(fed: Fed) -> list[int]:
    """The recordings that are left out in turn; none where nobody rests, or where there are too few."""
    recordings = sorted({trial.recording for trial in fed.trials})
    return recordings if len(recordings) >= FEWEST and any(trial.rest for trial in fed.trials) else []


def operating_point(
    learn: Learn, fed: Fed, prior: int | None, hop_ms: float, progress: Progress
) -> intent.Chosen | None:
    """Learns once for each recording, without it; what those say of the recordings they have not seen is stitched together and levelled.

    The point is so one of the whole decoder, not of its parts, on what it would meet on the day that it was taught. `None` where there is
    none with few enough false activations, or nothing to choose it on.
    """
    left = turns(fed)
    if not left:
        return None
    unseen = np.zeros((len(fed.valid), len(fed.classes)), np.float32)
    for n, recording in enumerate(left):
        others = dataclasses.replace(fed, trials=tuple(t for t in fed.trials if t.recording != recording))
        trained = learn(others, lambda done, of, n=n: progress(n * of + done, len(left) * of))
        own = np.flatnonzero(fed.valid & (fed.recording == recording))
        for some in np.array_split(own, max(1, len(own) // 512)):
            unseen[some] = trained.posteriors(np.asarray(fed.numbers[some]))
    return intent.choose(level(unseen, fed, prior), fed, hop_ms)
