"""The wire format as a stranger gets it: compiled from the .proto files, into a folder that is gone afterwards."""

import atexit
import importlib
import importlib.resources
import shutil
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[2] / "proto"
FILES = sorted(str(file) for file in (PROTO / "bci" / "v1").glob("*.proto"))

_folder = tempfile.mkdtemp(prefix="bci-wire-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
_options = [f"-I{PROTO}", f"--python_out={_folder}", f"--grpc_python_out={_folder}"]
if protoc.main(["protoc", *_options, *FILES]) != 0:
    sys.exit("protoc refused the .proto files")
sys.path.insert(0, _folder)

common = importlib.import_module("bci.v1.common_pb2")
control = importlib.import_module("bci.v1.control_pb2")
control_grpc = importlib.import_module("bci.v1.control_pb2_grpc")
decoders = importlib.import_module("bci.v1.decoders_pb2")
decoders_grpc = importlib.import_module("bci.v1.decoders_pb2_grpc")
intents = importlib.import_module("bci.v1.intents_pb2")
intents_grpc = importlib.import_module("bci.v1.intents_pb2_grpc")
telemetry = importlib.import_module("bci.v1.telemetry_pb2")
telemetry_grpc = importlib.import_module("bci.v1.telemetry_pb2_grpc")
