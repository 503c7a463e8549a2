"""The messages and stubs of `bci.v1`."""

from ._generated.bci.v1.common_pb2 import *  # noqa: F403
from ._generated.bci.v1.control_pb2 import *  # noqa: F403
from ._generated.bci.v1.control_pb2_grpc import ControlServiceStub as ControlServiceStub
from ._generated.bci.v1.decoders_pb2 import *  # noqa: F403
from ._generated.bci.v1.decoders_pb2_grpc import DecoderServiceStub as DecoderServiceStub
from ._generated.bci.v1.intents_pb2 import *  # noqa: F403
from ._generated.bci.v1.intents_pb2_grpc import IntentServiceStub as IntentServiceStub
from ._generated.bci.v1.recording_pb2 import *  # noqa: F403
from ._generated.bci.v1.recording_pb2_grpc import RecordingServiceStub as RecordingServiceStub
from ._generated.bci.v1.telemetry_pb2 import *  # noqa: F403
from ._generated.bci.v1.telemetry_pb2_grpc import TelemetryServiceStub as TelemetryServiceStub
