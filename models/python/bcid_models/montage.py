"""Channel sets among which the decoder's montage is chosen, 10-10 names."""

CENTRAL_21 = (
    "FC5", "FC3", "FC1", "FCz", "FC2", "FC4", "FC6",
    "C5", "C3", "C1", "Cz", "C2", "C4", "C6",
    "CP5", "CP3", "CP1", "CPz", "CP2", "CP4", "CP6",
)  # fmt: skip
"""Three rows over the sensorimotor strip: no electrode near the eyes or the temporal muscles."""

CENTRAL_9 = ("FC3", "FCz", "FC4", "C3", "Cz", "C4", "CP3", "CPz", "CP4")
"""The hand and foot areas and one electrode before and behind each."""
