"""EEG Motor Movement/Imagery, subject S001: which run serves what."""

SUBJECT = "S001"
TRAIN = ("S001R05.edf", "S001R06.edf", "S001R09.edf")
TEST = "S001R10.edf"
"""Takes no part in any choice: looked at only with everything else settled."""
