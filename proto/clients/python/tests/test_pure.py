"""What needs no network: clocks, validity, targets."""

import itertools

import pytest

from bcid_client import DaemonClock, Hold, Intent, Lost, Missed, Stream, v1
from bcid_client._events import event_of
from bcid_client._target import Target, pause_s

MS = 1_000_000


class Clock:
    def __init__(self):
        self.ms = 0

    def __call__(self):
        return self.ms * MS


def intent(activation, held_ms, until_ms, replayed=False, run=7):
    message = v1.Intent(pipeline="p", valid_until_ns=until_ms * MS)
    message.motion.axes.add(axis="x", value=0.5)
    if activation:
        message.discrete.label, message.discrete.activation, message.discrete.held_ms = "left", activation, held_ms
    else:
        message.none.reason = v1.NO_INTENT_REASON_BELOW_THRESHOLD
    response = v1.SubscribeResponse(intent=message, replayed=replayed, place=v1.Place(run=run, position=1))
    return event_of(response)


def test_the_true_offset_is_within_the_uncertainty_however_uneven_the_way():
    for offset, (there, back) in itertools.product((-5_000_000_000, -7, 0, 12_345), ((10, 10), (0, 90), (90, 0), (1, 2))):
        received = 1000 + there + offset
        heard = 1000 + there + 5 + back
        clock = DaemonClock.of(1000, received, received + 5, heard)
        assert abs(clock.offset_ns - offset) <= clock.uncertainty_ns
        assert clock.latest_ns(heard) >= heard + offset


def test_what_is_held_ends_at_its_time_and_begins_once():
    now = Clock()
    hold = Hold(DaemonClock(), now)
    assert hold.take(intent(1, 0.0, 300)) == "left"
    now.ms = 60
    assert hold.take(intent(1, 60.0, 360)) is None
    now.ms = 359
    assert (hold.label("p"), hold.velocity("p")) == ("left", {"x": 0.5})
    now.ms = 360
    assert (hold.label("p"), hold.velocity("p")) == (None, {})
    assert hold.take(intent(2, 60.0, 700)) == "left", "its first window was skipped"
    assert hold.take(intent(0, 0.0, 800)) is None
    assert (hold.label("p"), hold.label("q")) == (None, None)
    assert Hold(DaemonClock(), now).take(intent(2, 1000.0, 900)) is None, "it began while nobody listened"


def test_a_backlog_after_a_pause_begins_nothing():
    now = Clock()
    hold = Hold(DaemonClock(50 * MS, MS), now)
    hold.take(intent(0, 0.0, 300))
    now.ms = 3000
    for n in range(30):
        assert hold.take(intent(n // 3 + 1, 60.0 * (n % 3), 300 + 60 * n)) is None
        assert hold.label("p") is None
    assert hold.take(intent(12, 0.0, 3400)) == "left"
    now.ms = 3348
    assert hold.label("p") == "left"
    now.ms = 3349
    assert hold.label("p") is None, "the daemon's clock is 50 ms ahead, and known to a millisecond"


@pytest.mark.parametrize("event", [Missed(3, False), Lost("gone"), Stream("p", "silent", "")])
def test_whatever_breaks_the_stream_lets_go(event):
    hold = Hold(DaemonClock(), Clock())
    hold.take(intent(1, 0.0, 300))
    assert hold.take(event) is None
    assert hold.label("p") is None
    assert hold.take(intent(1, 60.0, 400)) is None, "it goes on, and does not begin again"
    assert hold.label("p") == "left"


def test_what_is_of_the_past_is_not_acted_upon():
    hold = Hold(DaemonClock(), Clock())
    old = intent(1, 0.0, 300, replayed=True)
    assert isinstance(old, Intent) and old.replayed
    assert (hold.take(old), hold.label("p")) == (None, None)
    assert intent(0, 0.0, 300).reason == "below_threshold"


def test_a_token_goes_nowhere_in_the_clear_but_to_this_machine(monkeypatch):
    monkeypatch.delenv("BCID_TOKEN", raising=False)
    for near in ("127.0.0.1:1", "http://[::1]:5", "localhost:5", "unix:/tmp/s", "https://far.example:5"):
        assert Target.at(near, "t").metadata == (("authorization", "Bearer t"),)
    for far in ("10.0.0.1:5", "http://far.example:5", "localhost.far.example:5"):
        with pytest.raises(ValueError, match="for everybody to read"):
            Target.at(far, "t")
    for wrong in ("ftp://a:1", "rig"):
        with pytest.raises(ValueError, match="must be"):
            Target.at(wrong)
    monkeypatch.setenv("BCID_TOKEN", "of-the-environment")
    assert Target.at("localhost:5").metadata == (("authorization", "Bearer of-the-environment"),)


def test_attempts_become_rarer_and_never_rarer_than_every_three_seconds():
    for attempts in range(1, 200):
        most = min(0.1 * 2 ** min(attempts - 1, 10), 3.0)
        assert 0.74 * most <= pause_s(attempts) <= most
