"""Where the C libraries are that codecs reach by ctypes: in PyAV's wheel, or in the system."""

import ctypes
from importlib.util import find_spec
from pathlib import Path


def load(name: str, version: int = 0, *, symbol: str) -> ctypes.CDLL | None:
    """The library `name` ("libopus") that has the function `symbol`; None where there is none.

    PyAV's comes first, whose version is known; the wheel is looked into without an import."""
    system = f"{name}.so.{version}", f"{name}.{version}.dylib"
    for path in (*_of_wheel(name), *system):
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        if hasattr(library, symbol):
            return library
    return None


def _of_wheel(name: str) -> list[str]:
    spec = find_spec("av")
    if spec is None or not spec.origin:
        return []
    wheel = Path(spec.origin).parent
    found = [*wheel.parent.glob(f"av.libs/{name}-*.so*"), *wheel.glob(f".dylibs/{name}.*.dylib")]
    return [str(path) for path in found]
