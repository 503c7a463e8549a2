"""Makes the stubs of `bci.v1` from the .proto files beside this folder: `python generate.py`. They are never edited by hand.

They lie within the package, so that they are in nobody's way; the names of the files and messages stay, so that the stubs of
another program in the same process are the same messages.
"""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROTO = HERE.parents[1]
OUT = HERE / "src" / "bcid_client" / "_generated"


def main() -> None:
    from grpc_tools import protoc

    files = sorted(str(file) for file in (PROTO / "bci" / "v1").glob("*.proto"))
    if not files:
        sys.exit(f"no .proto files in {PROTO / 'bci' / 'v1'}")
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    options = [f"-I{PROTO}", f"--python_out={OUT}", f"--grpc_python_out={OUT}", f"--pyi_out={OUT}"]
    if protoc.main(["protoc", *options, *files]) != 0:
        sys.exit("protoc refused the .proto files")
    for folder in (OUT, OUT / "bci", OUT / "bci" / "v1"):
        (folder / "__init__.py").write_text('"""Generated from the .proto files."""\n')
    for file in (OUT / "bci" / "v1").glob("*.py*"):
        text = file.read_text()
        file.write_text(text.replace("from bci.v1 import", "from bcid_client._generated.bci.v1 import"))


if __name__ == "__main__":
    main()
