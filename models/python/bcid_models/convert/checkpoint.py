"""Reads the weights out of a PyTorch checkpoint without PyTorch, and without running anything that is in it.

Such a file is a ZIP archive of a pickle and of one raw file a tensor. Only tensors, numbers and plain containers are
taken from the pickle; whatever else it names becomes an empty stand-in.
"""

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4"}


class _Stand:
    """Stands in for an object of a class that is of no interest."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


def read(path: Path) -> dict[str, Any]:
    """The checkpoint as plain data; tensors are arrays."""
    with zipfile.ZipFile(path) as archive:
        (entry,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        with archive.open(entry) as file:
            return _Unpickler(file, archive, entry.removesuffix("data.pkl")).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(file)
        self.archive, self.folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        return KINDS[name] if module == "torch" and name in KINDS else _Stand

    def persistent_load(self, pid: tuple) -> np.ndarray:
        _, kind, key, _, length = pid
        return np.frombuffer(self.archive.read(f"{self.folder}data/{key}"), kind, length)


def _tensor(held: np.ndarray, offset: int, shape: tuple, strides: tuple, *_: object) -> np.ndarray:
    steps = [stride * held.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(held[offset:], shape, steps).copy()
