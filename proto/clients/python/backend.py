"""setuptools, which first has the stubs generated from the .proto files."""

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

import generate


def build_wheel(*args, **kwargs):
    generate.main()
    return build_meta.build_wheel(*args, **kwargs)


def build_editable(*args, **kwargs):
    generate.main()
    return build_meta.build_editable(*args, **kwargs)


def build_sdist(*_args, **_kwargs):
    raise SystemExit("a source distribution would lack the .proto files: build a wheel, `pip wheel proto/clients/python`")
