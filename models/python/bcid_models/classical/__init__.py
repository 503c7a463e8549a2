"""The classical motor-imagery decoders as one family: each is a function of a window's covariances, one a band.

    fitted = method("fbts-lr", bands=6).fit(windows, labels, groups, classes=2)
    fitted.posteriors(windows)      # [windows, classes]
    fitted.to_onnx(samples=160)     # `signal` [1, bands * channels, samples] -> `posterior` [1, classes]

`windows` are `[windows, bands * channels, samples]`, causally band-passed, all channels of the first band before those
of the second, as the step `filter_bank` yields them. `labels` are 0 to `classes - 1`; `groups` name the trial that a
window is of: every trial counts as one example, whatever its windows. numpy and SciPy are all that this needs.
"""

from .fitted import Fitted
from .methods import CspLda, Mdm, Method, TangentLr

BANK_FORMS = {"fbcsp-lda": CspLda(pairs=2, best=4), "fbts-lr": TangentLr()}
"""What takes several bands."""

METHODS: dict[str, Method] = {
    "csp-lda": CspLda(pairs=3),
    "fbcsp-lda": BANK_FORMS["fbcsp-lda"],
    "ts-lr": TangentLr(),
    "fbts-lr": BANK_FORMS["fbts-lr"],
    "mdm": Mdm(),
}
"""Each with its usual settings."""


def method(name: str, bands: int = 1) -> Method:
    """The method `name` of `METHODS` for so many bands."""
    if name not in METHODS:
        raise ValueError(f"no method of {', '.join(METHODS)}: {name}")
    if bands != 1 and name not in BANK_FORMS:
        raise ValueError(f"{name} takes one band, not {bands}")
    return METHODS[name].of_bands(bands)


__all__ = ["METHODS", "CspLda", "Fitted", "Mdm", "Method", "TangentLr", "method"]
