"""The client for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc

from . import v1
from ._clock import QUESTIONS, DaemonClock
from ._events import Connected, Event, Lost, event_of
from ._sync import request_of
from ._target import FINAL, Refused, Target, pause_s


class AsyncClient:
    """As `Client`, with `await`."""

    def __init__(self, url: str = "127.0.0.1:50051", *, token=None, ca=None, certificate=None, key=None):
        """As `Target.at` says; inside a running loop."""
        target = Target.at(url, token, ca, certificate, key)
        shows: list[Any] | None = [_ShowsUnary(target.metadata), _ShowsStream(target.metadata)] if target.metadata else None
        if target.credentials is None:
            channel = grpc.aio.insecure_channel(target.address, target.options, interceptors=shows)
        else:
            channel = grpc.aio.secure_channel(target.address, target.credentials, target.options, interceptors=shows)
        self._channel = channel
        self._intents = v1.IntentServiceStub(channel)
        self.telemetry = v1.TelemetryServiceStub(channel)
        self.decoders = v1.DecoderServiceStub(channel)
        self.recordings = v1.RecordingServiceStub(channel)
        self.control = v1.ControlServiceStub(channel)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends it, and what is subscribed over it."""
        await self._channel.close(None)

    async def clock(self, timeout_s: float = 5.0) -> DaemonClock:
        """As `Client.clock`."""
        best = DaemonClock.unknown()
        for _ in range(QUESTIONS):
            asked = time.monotonic_ns()
            answer = await self.telemetry.GetClock(v1.GetClockRequest(), timeout=timeout_s)
            found = DaemonClock.of(asked, answer.received_ns, answer.answered_ns, time.monotonic_ns())
            best = best.better(found)
        return best

    async def intents(
        self,
        pipeline: str = "",
        *,
        markers: bool = False,
        classes: Sequence[str] = (),
        minimum_probability: float = 0.0,
        changes_only: bool = False,
        resume: v1.Place | None = None,
        silence_s: float | None = None,
    ) -> AsyncIterator[Event]:
        """As `Client.intents`."""
        request = request_of(pipeline, markers, classes, minimum_probability, changes_only, resume)
        attempts, known_lost = 0, False
        while True:
            if attempts:
                await asyncio.sleep(pause_s(attempts))
            attempts += 1
            call = self._intents.Subscribe(request)
            connected = False
            try:
                while True:
                    response = await asyncio.wait_for(call.read(), silence_s)
                    if response is grpc.aio.EOF:  # type: ignore[attr-defined]
                        break
                    if not connected:
                        connected, known_lost, attempts = True, False, 0
                        yield Connected()
                    if response.HasField("place"):
                        request.resume.CopyFrom(response.place)
                    event = event_of(response)
                    if event is not None:
                        yield event
                why = "the daemon ended"
            except asyncio.TimeoutError:
                why = "nothing was heard for too long"
            except grpc.RpcError as error:
                if error.code() in FINAL:
                    raise Refused(error.code(), error.details() or "") from error
                why = error.details() or ""
            finally:
                call.cancel()
            attempts = max(attempts, 1)
            if not known_lost:
                known_lost = True
                yield Lost(why)


def _with(details, metadata):
    shown = grpc.aio.Metadata(*(details.metadata or ()), *metadata)
    return grpc.aio.ClientCallDetails(
        details.method, details.timeout, shown, details.credentials, details.wait_for_ready
    )


class _ShowsUnary(grpc.aio.UnaryUnaryClientInterceptor):
    """Puts the token into requests."""

    def __init__(self, metadata):
        self._metadata = metadata

    async def intercept_unary_unary(self, continuation, details, request):
        return await continuation(_with(details, self._metadata), request)


class _ShowsStream(grpc.aio.UnaryStreamClientInterceptor):
    """Puts the token into requests."""

    def __init__(self, metadata):
        self._metadata = metadata

    async def intercept_unary_stream(self, continuation, details, request):
        return await continuation(_with(details, self._metadata), request)
