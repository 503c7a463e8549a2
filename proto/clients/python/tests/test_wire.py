"""Against a server that says what it is told to."""

import asyncio
import contextlib
import itertools
import queue
import re
import subprocess
import sys
import time
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from bcid_client import AsyncClient, Client, Connected, Intent, Lost, Marker, Missed, Refused, Stream, v1
from bcid_client._generated.bci.v1 import intents_pb2_grpc, telemetry_pb2_grpc

PACKAGE = Path(__file__).resolve().parents[1]


class Daemon(intents_pb2_grpc.IntentServiceServicer, telemetry_pb2_grpc.TelemetryServiceServicer):
    """Each subscription takes the next script: responses, and how it ends."""

    def __init__(self, scripts=(), ahead_ns=0):
        self.scripts = queue.Queue()
        for script in scripts:
            self.scripts.put(script)
        self.asked, self.shown, self.ahead_ns = [], [], ahead_ns

    def Subscribe(self, request, context):  # noqa: N802
        self.asked.append(request)
        self.shown.append(dict(context.invocation_metadata()).get("authorization"))
        try:
            script = self.scripts.get_nowait()
        except queue.Empty:
            script = [hang]
        for step in script:
            if callable(step):
                step(context)
            else:
                yield step

    def GetClock(self, _request, _context):  # noqa: N802
        now = time.monotonic_ns() + self.ahead_ns
        return v1.GetClockResponse(received_ns=now, answered_ns=now)


def hang(context):
    while context.is_active():
        time.sleep(0.02)


def fails(code, text):
    return lambda context: context.abort(code, text)


def intent(position, label="left"):
    message = v1.Intent(pipeline="p", sequence=position)
    message.discrete.label, message.discrete.activation = label, 1
    return v1.SubscribeResponse(intent=message, place=v1.Place(run=1, position=position))


@contextlib.contextmanager
def serving(daemon, address="127.0.0.1:0"):
    server = grpc.server(futures.ThreadPoolExecutor(16))
    intents_pb2_grpc.add_IntentServiceServicer_to_server(daemon, server)
    telemetry_pb2_grpc.add_TelemetryServiceServicer_to_server(daemon, server)
    port = server.add_insecure_port(address)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def first(client, n, **asked):
    return list(itertools.islice(client.intents(**asked), n))


async def first_async(url, n, **asked):
    found = []
    async with AsyncClient(url) as client:
        async for event in client.intents(**asked):
            found.append(event)
            if len(found) == n:
                return found
    return found


def both(daemon_of, n, **asked):
    """What the one client is told, and that the other is told the same."""
    with serving(daemon_of()) as url, Client(url) as client:
        told = first(client, n, **asked)
    other = daemon_of()
    with serving(other) as url:
        again = asyncio.run(first_async(url, n, **asked))
    assert [type(e) for e in again] == [type(e) for e in told]
    return told, other


UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def test_it_goes_on_where_it_was_over_breaks_and_says_what_it_missed():
    marker = v1.SubscribeResponse(
        marker=v1.Marker(stream="m", text="T1", time_ns=5), place=v1.Place(run=1, position=3), replayed=True
    )
    missed = v1.SubscribeResponse(missed=v1.Missed(events=7), place=v1.Place(run=1, position=9))
    silent = v1.StreamStatus(pipeline="p", state=v1.STREAM_STATE_SILENT, message="words")
    stream = v1.SubscribeResponse(stream=silent, place=v1.Place(run=1, position=10))
    scripts = [
        [intent(1), intent(2), fails(UNAVAILABLE, "cut")],
        [fails(UNAVAILABLE, "not yet")],
        [marker, missed, stream],
    ]
    told, daemon = both(lambda: Daemon(scripts), 9)
    kinds = [Connected, Intent, Intent, Lost, Connected, Marker, Missed, Stream, Lost]
    assert [type(event) for event in told] == kinds
    assert (told[1].label, told[1].sequence, told[3].why) == ("left", 1, "cut")
    assert (told[5], told[6]) == (Marker("m", "T1", 5, True), Missed(7, False))
    assert told[7] == Stream("p", "silent", "words")
    places = [request.resume.position if request.HasField("resume") else None for request in daemon.asked[:3]]
    assert places == [None, 2, 2]


def test_what_is_refused_for_good_is_not_tried_again():
    def daemon():
        return Daemon([[fails(grpc.StatusCode.NOT_FOUND, "no pipeline q")]])

    with serving(daemon()) as url, Client(url) as client, pytest.raises(Refused, match="no pipeline q") as refused:
        first(client, 1, pipeline="q")
    assert refused.value.code == grpc.StatusCode.NOT_FOUND
    with serving(daemon()) as url, pytest.raises(Refused, match="no pipeline q"):
        asyncio.run(first_async(url, 1, pipeline="q"))


def test_silence_counts_as_lost_where_it_is_asked_for():
    told, _ = both(lambda: Daemon([[intent(1), hang], [intent(2), hang]]), 5, silence_s=0.4)
    assert [type(event) for event in told] == [Connected, Intent, Lost, Connected, Intent]
    assert told[2].why == "nothing was heard for too long"


def test_a_daemon_that_is_not_there_yet_is_waited_for():
    with serving(Daemon()) as url:
        pass
    with Client(url) as client:
        events = client.intents()
        assert isinstance(next(events), Lost)
        with serving(Daemon([[intent(1), hang]]), url):
            assert [type(next(events)) for _ in range(2)] == [Connected, Intent]
        assert isinstance(next(events), Lost)


def test_what_is_asked_for_and_shown_reaches_the_daemon():
    daemon = Daemon([[intent(1)], [intent(1)]])
    with serving(daemon) as url:
        with Client(url, token="secret") as client:
            first(client, 1, pipeline="p", markers=True, classes=["a"], minimum_probability=0.5, changes_only=True)
        asked = daemon.asked[0]
        assert (asked.pipeline, asked.markers, list(asked.filter.classes)) == ("p", True, ["a"])
        assert (asked.filter.minimum_probability, asked.filter.changes_only) == (0.5, True)

        async def shown():
            async with AsyncClient(url, token="secret") as client:
                async for _ in client.intents():
                    return

        asyncio.run(shown())
        assert daemon.shown == ["Bearer secret"] * 2
        assert not daemon.asked[1].HasField("filter")


def test_the_daemons_clock_is_found():
    with serving(Daemon(ahead_ns=123_000_000_000)) as url, Client(url) as client:
        clock = client.clock()
        assert abs(clock.offset_ns - 123_000_000_000) <= clock.uncertainty_ns < 1_000_000_000


def test_the_quick_start_runs():
    text = (PACKAGE / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    assert len(code.strip().splitlines()) <= 15
    script = [intent(1), intent(2, "left"), fails(grpc.StatusCode.NOT_FOUND, "enough")]
    with serving(Daemon([script])) as url:
        run = subprocess.run(
            [sys.executable, "-c", code.replace("127.0.0.1:50051", url)],
            capture_output=True, text=True, timeout=60, check=False,
        )
    assert run.stdout == "left\n", run.stderr
    assert "Refused: enough" in run.stderr


def test_the_wheel_is_whole(tmp_path):
    """Built and installed, it needs nothing of the checkout."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(PACKAGE)]
    subprocess.run(build, check=True, timeout=300)
    [wheel] = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(tmp_path / "site"), str(wheel)], check=True, timeout=300)
    code = "import bcid_client, pathlib; print(bcid_client.__file__, bcid_client.v1.SubscribeRequest(markers=True))"
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path / "site")}, cwd=tmp_path,
        capture_output=True, text=True, timeout=60, check=True,
    )
    assert str(tmp_path) in run.stdout and "markers: true" in run.stdout
    assert (tmp_path / "site/bcid_client/py.typed").is_file()
    assert list((tmp_path / "site/bcid_client/_generated/bci/v1").glob("*.pyi"))
