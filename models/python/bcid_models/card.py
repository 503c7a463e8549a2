"""The model card beside the bundle, with the figures of the run that wrote it."""

from pathlib import Path

from .causal import HIGH_HZ, HOP, LOW_HZ, ORDER, RATE_HZ, WINDOW, SignalPath
from .contract import Identity
from .crossval import CrossValidation, Score
from .decoder import Recipe
from .trials import DECISION_SPAN_S, TRAIN_SPAN_S

TEMPLATE = """# {name}

{description}

This file is written by `python -m bcid_models.train_csp_lda`.

## What it does

| | |
|---|---|
| input | `window`, float32 `[1, {channel_count}, {window}]`, uV, {rate:g} Hz: {channels} |
| before it | causal Butterworth band-pass, {low:g} to {high:g} Hz, order {order}, run without reset from the stream's start{average} |
| steps | {filters} common spatial patterns, log of the variance over the window, LDA with an OAS covariance, softmax |
| output | `posterior`, float32 `[1, 2]`: fists, feet; each window speaks for itself |
| pace | a window of {window_s:g} s every {hop_ms:g} ms |

There is no class for rest: at rest the posterior wanders and means nothing. Smooth it, and ask for a threshold, before
acting on it. At its start the filter needs about a second to settle.

## Data and split

One person, subject S001 of the EEG Motor Movement/Imagery Dataset v1.0.0, in one session; `models/data/eegmmidb` has the
runs, their licence and the citation. Cues: T1 both fists, T2 both feet; 15 trials a run. R05 and R09 were executed, R06
and R10 imagined.

- R05, R06 and R09 train, on windows within {train_from:g} to {train_to:g} s from the cue.
- Channels, reference, number of patterns and shrinkage were chosen by leaving one of these runs out
  (`python -m bcid_models.choose_csp_lda`). All montages did about equally well, so the smallest was taken.
- R10 took no part in any choice made here and was first evaluated with everything settled. That this family of
  methods (CSP and LDA on 1 s windows) does well on this run was known beforehand.

## Accuracy

A trial is decided by the largest mean posterior over the windows that lie within {decide_from:g} to {decide_to:g} s from the
cue; this was fixed beforehand. Chance is 0.5. The interval is Wilson's, 95 %, over trials. Windows overlap and are not
independent, so they have none.

| on | trials right | accuracy | 95 % | windows right | log loss, nats |
|---|---|---|---|---|---|
{rows}

The first rows are cross-validation, and the settings were picked by it, so they flatter a little; the last row does not.
Executed movement and imagery of the same limbs are pooled in training. The decoder's confidence is tempered
(T = {temperature:g}, fitted on cross-validated predictions; without it their log loss is {untempered:.3f}); the temperature is in
the graph.

## Limits

- Trained on one person in one session: it will not decode anybody else, nor this person on another day, at any stated
  accuracy.
- 15 test trials leave a wide interval.
- The folds are near perfect, the later imagery run is not: windows are right less often there and the log loss is well
  above the cross-validated one. Posteriors on a new run are more confident than they deserve to be.
- Cues were visual. The windows begin {decide_from:g} s after the cue to keep the response to it out, but nothing shows that
  every trace of it is.
- Made to show the path from electrodes to intents. Not for clinical use.

## Licence

Code and weights: {licence}. See LICENSE.
"""


def write(
    file: Path, identity: Identity, path: SignalPath, recipe: Recipe, result: CrossValidation, tested: Score
) -> None:
    """Writes the card."""
    text = TEMPLATE.format(
        name=identity.name,
        description=identity.description,
        licence=identity.licence,
        channels=" ".join(path.channels),
        channel_count=len(path.channels),
        average="; then the common average of these channels is subtracted" if path.common_average else "",
        window=WINDOW,
        window_s=WINDOW / RATE_HZ,
        hop_ms=HOP / RATE_HZ * 1000,
        rate=RATE_HZ,
        low=LOW_HZ,
        high=HIGH_HZ,
        order=ORDER,
        filters=recipe.filters,
        train_from=TRAIN_SPAN_S[0],
        train_to=TRAIN_SPAN_S[1],
        decide_from=DECISION_SPAN_S[0],
        decide_to=DECISION_SPAN_S[1],
        temperature=result.temperature,
        untempered=result.log_loss_untempered,
        rows="\n".join(_row(s) for s in (*result.folds, result.pooled, tested)),
    )
    file.write_text(text, encoding="utf-8")


def _row(score: Score) -> str:
    low, high = score.ci95
    return (
        f"| {score.on} | {score.right} of {score.trials} | {score.accuracy:.3f} | {low:.3f} to {high:.3f} "
        f"| {score.window_accuracy:.3f} of {score.windows} | {score.log_loss:.3f} |"
    )
