"""Whoever should not get in, under command: a JSON object a line on stdin, each answered by one line of JSON.

  {"ask": "call", "method": "/bci.v1.S/M", "hex": B, ...}   a call; the gRPC status it ends with, and its message. A stream counts as
                                                            answered with its first message. "token": shown as a bearer token;
                                                            "ca", "certificate", "key": files for TLS; without "ca" in the clear
  {"ask": "tls", "most": "1.1"}                             a handshake of no newer version; the version, or why there was none
  {"ask": "plain", "hex": B, "wait_s": S}                   these bytes over TCP; what came back, as text, and whether it was closed
  {"ask": "connect", "n": N}                                so many connections over which nothing is said, held; how many came about
  {"ask": "connected"}                                      how many of them are open still
  {"ask": "web", "method": "/bci.v1.S/M", "hex": B, "headers": {}}   a call by gRPC-web over HTTP/1.1
  {"ask": "socket", "path": P, "n": N, "protocols": [..]}   a WebSocket's first N messages, or the status of its refusal
"""

import base64
import json
import os
import resource
import socket
import ssl
import struct
import sys
import urllib.error
import urllib.request
from pathlib import Path

import grpc

address = sys.argv[1]
host, port = address.rsplit(":", 1)
held = []


def call(asked):
    if "ca" in asked:
        read = lambda key: Path(asked[key]).read_bytes() if key in asked else None
        credentials = grpc.ssl_channel_credentials(read("ca"), read("key"), read("certificate"))
        channel = grpc.secure_channel(address, credentials)
    else:
        channel = grpc.insecure_channel(address)
    metadata = [("authorization", asked["authorization"])] if "authorization" in asked else []
    if "token" in asked:
        metadata.append(("authorization", f"Bearer {asked['token']}"))
    same = lambda data: data
    with channel:
        request = bytes.fromhex(asked.get("hex", ""))
        answers = channel.unary_stream(asked["method"], request_serializer=same, response_deserializer=same)(
            request, timeout=8, metadata=metadata
        )
        try:
            first = next(answers, b"")
            return {"code": "OK", "details": first.hex()[:64]}
        except grpc.RpcError as error:
            return {"code": error.code().name, "details": error.details()}
        finally:
            answers.cancel()


def tls(asked):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = getattr(ssl.TLSVersion, f"TLSv{asked['most'].replace('.', '_')}")
    try:
        with socket.create_connection((host, int(port)), timeout=8) as plain, context.wrap_socket(plain) as secure:
            return {"version": secure.version()}
    except OSError as error:
        return {"refused": type(error).__name__}


def plain(asked):
    with socket.create_connection((host, int(port)), timeout=asked["wait_s"]) as stream:
        got, closed = b"", False
        try:
            stream.sendall(bytes.fromhex(asked["hex"]))
            while len(got) < 1 << 20:
                part = stream.recv(65536)
                if not part:
                    closed = True
                    break
                got += part
        except TimeoutError:
            pass
        except OSError:
            closed = True
    return {"got": got.decode("latin-1"), "closed": closed}


def connect(asked):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for _ in range(asked["n"]):
        stream = socket.socket()
        stream.settimeout(5)
        try:
            stream.connect((host, int(port)))
        except OSError:
            continue
        stream.setblocking(False)
        held.append(stream)
    return {"connected": len(held)}


def connected(_):
    alive = 0
    for stream in held:
        try:
            if stream.recv(1):
                alive += 1
        except BlockingIOError:
            alive += 1
        except OSError:
            pass
    return {"connected": alive}


def web(asked):
    body = bytes.fromhex(asked.get("hex", ""))
    request = urllib.request.Request(
        f"http://{address}{asked['method']}", data=struct.pack(">BI", 0, len(body)) + body, method="POST"
    )
    request.add_header("content-type", "application/grpc-web+proto")
    for key, value in asked.get("headers", {}).items():
        request.add_header(key, value)
    try:
        with urllib.request.urlopen(request, timeout=8) as answer:
            data, headers = answer.read(), {k.lower(): v for k, v in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "text": error.read().decode()}
    trailers = {}
    message = None
    while data:
        kind, length = struct.unpack(">BI", data[:5])
        part, data = data[5 : 5 + length], data[5 + length :]
        if kind & 0x80:
            lines = [line.split(":", 1) for line in part.decode().strip().splitlines()]
            trailers = {key.strip().lower(): value.strip() for key, value in lines}
        else:
            message = part.hex()
    status = trailers.get("grpc-status", headers.get("grpc-status"))
    return {"grpc": status, "message": message, "allowed": headers.get("access-control-allow-origin")}


def web_socket(asked):
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {asked['path']} HTTP/1.1",
        f"Host: {asked.get('host', address)}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    if asked.get("protocols"):
        lines.append("Sec-WebSocket-Protocol: " + ", ".join(asked["protocols"]))
    if asked.get("origin"):
        lines.append(f"Origin: {asked['origin']}")
    with socket.create_connection((host, int(port)), timeout=10) as stream:
        stream.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        got = b""
        while b"\r\n\r\n" not in got:
            part = stream.recv(65536)
            if not part:
                break
            got += part
        head, _, rest = got.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        if status != 101:
            return {"status": status}
        messages = []
        while len(messages) < asked["n"]:
            while True:
                if len(rest) >= 2:
                    length, start = rest[1] & 0x7F, 2
                    if length == 126 and len(rest) >= 4:
                        length, start = struct.unpack(">H", rest[2:4])[0], 4
                    elif length == 126:
                        start = 1 << 30
                    if len(rest) >= start + length:
                        break
                part = stream.recv(65536)
                if not part:
                    return {"status": status, "messages": messages, "closed": True}
                rest += part
            kind, payload, rest = rest[0] & 0x0F, rest[start : start + length], rest[start + length :]
            if kind == 1:
                messages.append(json.loads(payload))
        return {"status": status, "messages": messages}


asks = {"call": call, "tls": tls, "plain": plain, "connect": connect, "connected": connected, "web": web, "socket": web_socket}
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(asks[asked["ask"]](asked)), flush=True)
