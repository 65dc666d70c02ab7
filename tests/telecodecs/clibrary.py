"""C libraries that are missing, on a machine that has them."""

import ctypes

import pytest

from telecodecs import _clibrary, amrwb

_load = _clibrary.load


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """Until the test is over, these are not found: "libopencore-amrwb", "libvo-amrwbenc"."""

    def load(name: str, version: int = 0, *, symbol: str) -> ctypes.CDLL | None:
        return None if name in missing else _load(name, version, symbol=symbol)

    monkeypatch.setattr(_clibrary, "load", load)
    amrwb.load_decoder.cache_clear()
    amrwb.load_encoder.cache_clear()
