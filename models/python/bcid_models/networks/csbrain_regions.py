"""Which brain region an electrode lies over, and the order of CSBrain's channels (Zhou et al., arXiv 2506.23075, 2025).

The paper divides the electrodes of the 10-20 system into five regions. Its published code has a table by hand for every
data set, and they disagree: FC is frontal in one and central in another, PO occipital or parietal. Here one rule holds
for every montage, by the letters of the label (10-10, and 10-5 in between):

| region | rows, front to back |
|---|---|
| frontal | N, NFp, Fp, AFp, AF, AFF, F, FFC, FC |
| central | FCC, C, CCP |
| temporal | FFT, FT, FTT, T, TTP, TP, TPP |
| parietal | CP, CPP, P, PPO |
| occipital | PO, POO, O, OI, I |
| other | every label that is none of these (A1, M2, EOG, EMG, ...) |

FC goes to the frontal and CP to the parietal lobe (the published tables have CP central), so that a montage over the
sensorimotor strip still has three regions to attend between.
"""

import re
from collections import Counter
from collections.abc import Sequence

ROWS = {
    "frontal": ("N", "NFP", "FP", "AFP", "AF", "AFF", "F", "FFC", "FC"),
    "central": ("FCC", "C", "CCP"),
    "temporal": ("FFT", "FT", "FTT", "T", "TTP", "TP", "TPP"),
    "parietal": ("CP", "CPP", "P", "PPO"),
    "occipital": ("PO", "POO", "O", "OI", "I"),
}
"""A region's rows of electrodes, front to back, in capitals."""

REGIONS = (*ROWS, "other")
"""In the order in which the network takes them."""

_PLACES = {row: (REGIONS.index(region), k) for region, rows in ROWS.items() for k, row in enumerate(rows)}
_LABEL = re.compile(r"([A-Z]+?)(Z|\d+)(H?)")


def region_of(label: str) -> str:
    """The region of a 10-10 label; capitals or not is all one."""
    return REGIONS[_place(label)[0]]


def arrange(labels: Sequence[str]) -> tuple[list[int], list[int]]:
    """The channels region by region, and how many each region that has any holds.

    Within a region front to back, and left to right in a row, so that most of those side by side in the list are
    neighbours on the head; unknown labels last, as they come.
    """
    order = sorted(range(len(labels)), key=lambda channel: _place(labels[channel]))
    sizes = Counter(region_of(labels[channel]) for channel in order)
    return order, list(sizes.values())


def _place(label: str) -> tuple[int, int, float]:
    """Region, row, and how far to the right: odd numbers are left, `h` half a step nearer to the midline."""
    found = _LABEL.fullmatch(label.strip().upper())
    if found is None or found[1] not in _PLACES:
        return len(REGIONS) - 1, 0, 0.0
    number = 0 if found[2] == "Z" else int(found[2])
    lateral = number - (0.5 if found[3] else 0.0)
    return *_PLACES[found[1]], -lateral if number % 2 else lateral
