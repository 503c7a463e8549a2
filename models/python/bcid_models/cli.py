"""`bcid-models`: one program for what the package does. `bcid-models COMMAND --help` says more."""

import runpy
import sys

COMMANDS = {
    "train": ("bcid_models.bench.train", "a decoder of the benchmark, of your own recordings, as a bundle"),
    "bench": ("bcid_models.bench", "every model over every shared task, offline and through the daemon"),
    "audit": ("bcid_models.bench.audit", "recordings left out against shuffled trials, and permuted labels"),
    "zoo": ("bcid_models.bench.zoo", "the shipped bundles, and those of others, through the daemon"),
    "stream": ("bcid_models.bench.stream", "networks fed by the hop, where their architecture allows it"),
    "ship": ("bcid_models.bench.ship", "networks of the benchmark as bundles of the zoo"),
    "table": ("bcid_models.bench.table", "tables and plots of what was found, into models/bench/README.md"),
    "time": ("bcid_models.time_ort", "bundles in bare ONNX Runtime"),
}


def main() -> int:
    """Runs the command that is named first."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        wanted = "\n".join(f"  {command:<8} {what}" for command, (_, what) in COMMANDS.items())
        asked = name in ("", "-h", "--help")
        if not asked:
            print(f"bcid-models: no command {name}", file=sys.stderr)
        print(f"Usage: bcid-models COMMAND\n\n{wanted}", file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 64
    sys.argv[:2] = [f"bcid-models {name}"]
    try:
        runpy.run_module(COMMANDS[name][0], run_name="__main__", alter_sys=False)
    except (FileNotFoundError, ValueError) as why:
        print(f"bcid-models {name}: {why}", file=sys.stderr)
        return 66 if isinstance(why, FileNotFoundError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
