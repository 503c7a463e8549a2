"""A grpcio subscriber: one JSON object a line for every event, in order.

Arguments: the daemon's address, and JSON {pipeline, markers, stall, resume: [run, position]}. With `stall` it reads one event, then nothing
until a line comes on stdin. Ends when the stream ends, with {"end": STATUS, "details": TEXT}; end of input ends it too.
"""

import json
import os
import sys
import threading
import time

import grpc
import wire

address, options = sys.argv[1], json.loads(sys.argv[2])
go = threading.Event()


def listen():
    for _ in sys.stdin:
        go.set()
    os._exit(0)


def say(event):
    print(json.dumps(event), flush=True)


def name(enum, value, prefix):
    return enum.Name(value).removeprefix(prefix)


def intent(e):
    outcome = e.WhichOneof("outcome")
    return {
        "intent": e.sequence,
        "pipeline": e.pipeline,
        "decoder": [e.decoder.name, e.decoder.version, e.decoder.model_sha256],
        "labels": [p.label for p in e.probabilities],
        "window": [p.window for p in e.probabilities],
        "smoothed": [p.smoothed for p in e.probabilities],
        "discrete": [e.discrete.label, e.discrete.probability] if outcome == "discrete" else None,
        "none": name(wire.intents.NoIntentReason, e.none.reason, "NO_INTENT_REASON_") if outcome == "none" else None,
        "valid": e.validity.valid,
        "causes": [name(wire.common.InvalidCause, c, "INVALID_CAUSE_") for c in e.validity.causes],
        "oldest_ns": e.oldest_sample_ns,
        "newest_ns": e.newest_sample_ns,
        "newest_frame": e.newest_frame,
        "ledger": [getattr(e.ledger, f"{step}_ns") for step in ("acquired", "queued", "filtered", "decoded", "published")],
    }


def plain(event):
    kind = event.WhichOneof("event")
    e = getattr(event, kind)
    if kind == "intent":
        return intent(e)
    if kind == "marker":
        return {"marker": e.text, "stream": e.stream, "time_ns": e.time_ns, "marker_received_ns": e.received_ns}
    if kind == "missed":
        return {"missed": e.events, "another_run": e.another_run}
    state = name(wire.common.StreamState, e.state, "STREAM_STATE_")
    return {"state": state, "pipeline": e.pipeline, "message": e.message, "since_ns": e.since_ns}


threading.Thread(target=listen, daemon=True).start()
# A fixed window: gRPC would else read ahead more and more for a client that does not read.
# Of a local socket gRPC's core would name the path as the authority, which HTTP/2 in Rust refuses.
named = [("grpc.default_authority", "localhost")] if address.startswith("unix:") else []
channel = grpc.insecure_channel(address, options=[("grpc.http2.bdp_probe", 0), *named])
request = wire.intents.SubscribeRequest(pipeline=options.get("pipeline", ""), markers=options.get("markers", False))
if options.get("resume"):
    request.resume.run, request.resume.position = options["resume"]
events = wire.intents_grpc.IntentServiceStub(channel).Subscribe(request)
try:
    for count, event in enumerate(events):
        received_ns = time.monotonic_ns()
        place = [event.place.run, event.place.position]
        say({**plain(event), "place": place, "replayed": event.replayed, "received_ns": received_ns})
        if options.get("stall") and count == 0:
            go.wait()
    say({"end": events.code().name, "details": events.details()})
except grpc.RpcError as error:
    say({"end": error.code().name, "details": error.details()})
