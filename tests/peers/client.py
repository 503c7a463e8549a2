"""A grpcio client under command: a JSON object a line on stdin, each answered by one line of JSON.

  {"ask": "status"}                       GetStatus, through the stub made from the .proto
  {"ask": "health", "service": NAME}      grpc.health.v1 Check; the gRPC status where it fails
  {"ask": "watch_health", "service": N}   begins a Watch; `health_seen` then tells every answer so far
  {"ask": "health_seen"}
  {"ask": "services"}                     names told by reflection
  {"ask": "reflected_status"}             GetStatus by reflection alone, without any .proto
  {"ask": "raw", "method": M, "hex": B}   these bytes as a request; the gRPC status it ends with
  {"ask": "http", "path": P}              GET over HTTP/1.1
  {"ask": "decoders", "call": C, "request": R}   a call of DecoderService; {"ok": ANSWER}, or {"code": STATUS, "details": TEXT}
"""

import json
import sys
import threading
import urllib.request

import grpc
import wire
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

address = sys.argv[1]
channel = grpc.insecure_channel(address)
seen = []


def as_json(message):
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def status():
    return as_json(wire.telemetry_grpc.TelemetryServiceStub(channel).GetStatus(wire.telemetry.GetStatusRequest(), timeout=5))


def serving(answer):
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def health(service):
    request = health_pb2.HealthCheckRequest(service=service)
    try:
        return serving(health_pb2_grpc.HealthStub(channel).Check(request, timeout=5))
    except grpc.RpcError as error:
        return error.code().name


def watch_health(service):
    answers = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=service))

    def follow():
        try:
            for answer in answers:
                seen.append(serving(answer))
        except grpc.RpcError as error:
            seen.append(error.code().name)

    threading.Thread(target=follow, daemon=True).start()


def services():
    return list(ProtoReflectionDescriptorDatabase(channel).get_services())


def reflected_status():
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    method = pool.FindServiceByName("bci.v1.TelemetryService").FindMethodByName("GetStatus")
    request = message_factory.GetMessageClass(method.input_type)
    answer = message_factory.GetMessageClass(method.output_type)
    call = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=request.SerializeToString,
        response_deserializer=answer.FromString,
    )
    return as_json(call(request(), timeout=5))


def raw(method, hex):
    call = channel.unary_stream(method)
    try:
        for _ in call(bytes.fromhex(hex), timeout=5):
            pass
        return ["OK", ""]
    except grpc.RpcError as error:
        return [error.code().name, error.details()]


def http(path):
    with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
        return {"code": answer.status, "type": answer.headers["content-type"], "body": answer.read().decode()}


def decoders(call, request):
    message = json_format.ParseDict(request, getattr(wire.decoders, f"{call}Request")())
    stub = wire.decoders_grpc.DecoderServiceStub(channel)
    try:
        return {"ok": as_json(getattr(stub, call)(message, timeout=90))}
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}


ASKED = {
    "decoders": decoders,
    "status": status,
    "health": health,
    "watch_health": watch_health,
    "health_seen": lambda: list(seen),
    "services": services,
    "reflected_status": reflected_status,
    "raw": raw,
    "http": http,
}

for line in sys.stdin:
    command = json.loads(line)
    print(json.dumps(ASKED[command.pop("ask")](**command)), flush=True)
