"""The daemon, and the way to it."""

from __future__ import annotations

import ipaddress
import os
import random
from dataclasses import dataclass
from pathlib import Path

import grpc

FINAL = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
}
"""Where trying again would be to no avail."""

OPTIONS = [
    # A connection on which nothing is heard is asked whether it is there, and given up when it does not answer.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 3_000),
]


class Refused(Exception):
    """The daemon refuses, and would again."""

    def __init__(self, code: grpc.StatusCode, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Target:
    """Where a daemon is, and what is shown to it."""

    address: str
    options: tuple
    metadata: tuple
    credentials: grpc.ChannelCredentials | None

    @classmethod
    def at(
        cls,
        url: str,
        token: str | None = None,
        ca: str | os.PathLike | None = None,
        certificate: str | os.PathLike | None = None,
        key: str | os.PathLike | None = None,
    ) -> Target:
        """At `ADDRESS:PORT` or `http://ADDRESS:PORT` in the clear, `https://ADDRESS:PORT`, or `unix:FILE`.

        `token` is by default the environment variable BCID_TOKEN; `ca`, `certificate` and `key` are files in PEM.
        Raises `ValueError` for anything else, and for a token that would go over a network in the clear.
        """
        token = token if token is not None else os.environ.get("BCID_TOKEN")
        scheme, _, rest = url.partition("://") if "://" in url else ("", "", url)
        local = url.startswith("unix:")
        if not local and (scheme not in ("", "http", "https") or ":" not in rest):
            raise ValueError(f"{url}: must be ADDRESS:PORT, http://ADDRESS:PORT, https://ADDRESS:PORT or unix:FILE")
        secure = scheme == "https"
        if token and not secure and not local and not _is_near(rest):
            raise ValueError(f"{url}: a token would go there for everybody to read; use https://")
        read = lambda path: Path(path).read_bytes() if path is not None else None  # noqa: E731
        # The C core names a file as the authority, which HTTP/2 servers refuse.
        options = [*OPTIONS, ("grpc.default_authority", "localhost")] if local else OPTIONS
        return cls(
            address=url if local else rest,
            options=tuple(options),
            metadata=(("authorization", f"Bearer {token.strip()}"),) if token else (),
            credentials=grpc.ssl_channel_credentials(read(ca), read(key), read(certificate)) if secure else None,
        )


def _is_near(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def pause_s(attempts: int) -> float:
    """From one attempt to the next: twice as long each time, up to 3 s, and not all clients at once."""
    return min(0.1 * 2 ** min(attempts - 1, 16), 3.0) * random.uniform(0.75, 1.0)
