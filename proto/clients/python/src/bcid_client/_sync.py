"""The client for programs that wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import grpc

from . import v1
from ._clock import QUESTIONS, DaemonClock
from ._events import Connected, Event, Lost, event_of
from ._target import FINAL, Refused, Target, pause_s


class Client:
    """A connection to a daemon. It comes about again by itself when it broke.

    `telemetry`, `decoders`, `recordings` and `control` are the stubs of the other services, which show the token as this does.
    """

    def __init__(self, url: str = "127.0.0.1:50051", *, token=None, ca=None, certificate=None, key=None):
        """As `Target.at` says; nothing is asked of the daemon yet."""
        target = Target.at(url, token, ca, certificate, key)
        if target.credentials is None:
            plain = grpc.insecure_channel(target.address, target.options)
        else:
            plain = grpc.secure_channel(target.address, target.credentials, target.options)
        self._plain = plain
        self._channel = grpc.intercept_channel(plain, _Shows(target.metadata)) if target.metadata else plain
        self._intents = v1.IntentServiceStub(self._channel)
        self.telemetry = v1.TelemetryServiceStub(self._channel)
        self.decoders = v1.DecoderServiceStub(self._channel)
        self.recordings = v1.RecordingServiceStub(self._channel)
        self.control = v1.ControlServiceStub(self._channel)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Ends it, and what is subscribed over it."""
        self._plain.close()

    def clock(self, timeout_s: float = 5.0) -> DaemonClock:
        """How far the daemon's clock is from this machine's, known to half of the quickest way there and back.

        Raises `grpc.RpcError` where it is not there.
        """
        best = DaemonClock.unknown()
        for _ in range(QUESTIONS):
            asked = time.monotonic_ns()
            answer = self.telemetry.GetClock(v1.GetClockRequest(), timeout=timeout_s)
            found = DaemonClock.of(asked, answer.received_ns, answer.answered_ns, time.monotonic_ns())
            best = best.better(found)
        return best

    def intents(
        self,
        pipeline: str = "",
        *,
        markers: bool = False,
        classes: Sequence[str] = (),
        minimum_probability: float = 0.0,
        changes_only: bool = False,
        resume: v1.Place | None = None,
        silence_s: float | None = None,
    ) -> Iterator[Event]:
        """Events as they come, without end. Reconnects, and goes on behind what was heard last.

        `silence_s`: how long nothing may be heard until the connection counts as lost; windows come every hop, so that a second is
        plenty where nothing is filtered and the source sends. By default the connection itself tells.
        Raises `Refused` where trying again would be to no avail, and `ValueError` once the client is closed.
        """
        request = request_of(pipeline, markers, classes, minimum_probability, changes_only, resume)
        attempts, known_lost = 0, False
        while True:
            if attempts:
                time.sleep(pause_s(attempts))
            attempts += 1
            call = self._intents.Subscribe(request)
            watch = _Watch(call, silence_s) if silence_s is not None else None
            connected = False
            try:
                for response in call:
                    if watch:
                        watch.heard()
                    if not connected:
                        connected, known_lost, attempts = True, False, 0
                        yield Connected()
                    if response.HasField("place"):
                        request.resume.CopyFrom(response.place)
                    event = event_of(response)
                    if event is not None:
                        yield event
                why = "the daemon ended"
            except grpc.RpcError as error:
                if error.code() in FINAL:
                    raise Refused(error.code(), error.details() or "") from error
                why = "nothing was heard for too long" if watch and watch.fired else error.details() or ""
            finally:
                if watch:
                    watch.end()
                call.cancel()
            attempts = max(attempts, 1)
            if not known_lost:
                known_lost = True
                yield Lost(why)


def request_of(pipeline, markers, classes, minimum_probability, changes_only, resume) -> v1.SubscribeRequest:
    """What is asked for."""
    request = v1.SubscribeRequest(pipeline=pipeline, markers=markers)
    if classes or minimum_probability or changes_only:
        request.filter.classes.extend(classes)
        request.filter.minimum_probability = minimum_probability
        request.filter.changes_only = changes_only
    if resume is not None:
        request.resume.CopyFrom(resume)
    return request


class _Watch:
    """Breaks a call off over which nothing is heard."""

    def __init__(self, call, silence_s: float):
        self._call, self._silence_s = call, silence_s
        self._last, self._ended, self.fired = time.monotonic(), threading.Event(), False
        threading.Thread(target=self._run, daemon=True).start()

    def heard(self) -> None:
        self._last = time.monotonic()

    def end(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(min(self._silence_s / 4, 0.25)):
            if time.monotonic() - self._last > self._silence_s:
                self.fired = True
                self._call.cancel()
                return


class _Shows(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Puts the token into requests."""

    def __init__(self, metadata):
        self._metadata = metadata

    def _with(self, details):
        changed = _Details()
        for name in ("method", "timeout", "credentials", "wait_for_ready", "compression"):
            setattr(changed, name, getattr(details, name, None))
        changed.metadata = [*(details.metadata or ()), *self._metadata]
        return changed

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(self._with(details), request)

    def intercept_unary_stream(self, continuation, details, request):
        return continuation(self._with(details), request)


class _Details(grpc.ClientCallDetails):
    """How a call is made."""
