"""The decoder that people write in an afternoon: pylsl, SciPy, ONNX Runtime and grpcio in one process.

    python e2e_python.py STREAM MODEL PORT_FILE

Waits for the LSL stream, filters each chunk as it comes (50 Hz notch, 1-40 Hz band-pass, causal, state carried along), keeps
the last 500 samples, runs the model every 20, and serves the posteriors as `bci.v1.IntentService`, on a port and on the socket
PORT_FILE.sock, so that the same client measures it as measures the daemon. Written to be fast as such programs go: chunks are pulled as they were sent, inference
has one thread that does not spin and bound, preallocated input and output, and nothing is copied that need not be.
"""

import queue
import sys
import threading
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
import onnxruntime
import pylsl
from scipy import signal

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))
import wire  # noqa: E402

stream_name, model, port_file = sys.argv[1], sys.argv[2], Path(sys.argv[3])
CHANNELS, WINDOW, HOP, CHUNK, RATE_HZ = 64, 500, 20, 4, 1000.0


class Intents(wire.intents_grpc.IntentServiceServicer):
    """Hands every intent to every subscriber."""

    def __init__(self):
        self.subscribers = []
        self.lock = threading.Lock()

    def Subscribe(self, request, context):
        own = queue.Queue()
        with self.lock:
            self.subscribers.append(own)
        context.add_callback(lambda: own.put(None))
        while (event := own.get()) is not None:
            yield event

    def publish(self, event):
        with self.lock:
            for subscriber in self.subscribers:
                subscriber.put(event)


class Telemetry(wire.telemetry_grpc.TelemetryServiceServicer):
    """Nothing to tell."""

    def GetStatus(self, request, context):
        return wire.telemetry.GetStatusResponse()


def session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def main():
    intents = Intents()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    wire.intents_grpc.add_IntentServiceServicer_to_server(intents, server)
    wire.telemetry_grpc.add_TelemetryServiceServicer_to_server(Telemetry(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.add_insecure_port(f"unix:{port_file}.sock")
    server.start()

    run = session()
    name_in, name_out = run.get_inputs()[0].name, run.get_outputs()[0].name
    window = np.zeros((1, CHANNELS, WINDOW), np.float32)
    posterior = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((1, 2), np.float32))
    binding = run.io_binding()
    fed = onnxruntime.OrtValue.ortvalue_from_numpy(window)
    binding.bind_ortvalue_input(name_in, fed)
    binding.bind_ortvalue_output(name_out, posterior)
    run.run_with_iobinding(binding)

    b, a = signal.iirnotch(50.0, 30.0, fs=RATE_HZ)
    sos = np.vstack([signal.tf2sos(b, a), signal.butter(4, [1.0, 40.0], "bandpass", fs=RATE_HZ, output="sos")])
    zi = None
    ring = np.zeros((CHANNELS, WINDOW))
    port_file.write_text(str(port))

    found = pylsl.resolve_byprop("name", stream_name, timeout=30.0)
    inlet = pylsl.StreamInlet(found[0], processing_flags=pylsl.proc_clocksync)
    sequence = frames = 0
    while True:
        chunk, stamps = inlet.pull_chunk(timeout=5.0, max_samples=CHUNK)
        if not stamps:
            break
        x = np.asarray(chunk, dtype=np.float64)
        if zi is None:
            zi = signal.sosfilt_zi(sos)[:, :, None] * x[0][None, None, :]
        y, zi = signal.sosfilt(sos, x, axis=0, zi=zi)
        n = len(stamps)
        ring[:, :-n] = ring[:, n:]
        ring[:, -n:] = y.T
        frames += n
        if frames % HOP or frames < WINDOW:
            continue
        fed.update_inplace(ring[None].astype(np.float32))
        run.run_with_iobinding(binding)
        p = posterior.numpy()[0]
        intents.publish(
            wire.intents.SubscribeResponse(
                intent=wire.intents.Intent(
                    sequence=sequence,
                    pipeline="python",
                    probabilities=[
                        wire.intents.ClassProbability(label=label, window=float(v), smoothed=float(v))
                        for label, v in zip(("a", "b"), p, strict=True)
                    ],
                    newest_sample_ns=int(stamps[-1] * 1e9),
                    newest_frame=frames - 1,
                    ledger=wire.intents.Ledger(),
                )
            )
        )
        sequence += 1


main()
