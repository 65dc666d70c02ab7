"""What importing telecodecs does, seen from a fresh interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import telecodecs
from telecodecs import CodecError, silence

CODECS = str(Path(telecodecs.__file__).parents[1])


def run(program: str, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if "_THREADS" not in name}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**inherited, "PYTHONPATH": CODECS, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not result.stderr
    return result.stdout.strip()


def test_importing_it_changes_nothing_for_the_users_process() -> None:
    code = "import os; before = dict(os.environ); import telecodecs; print(before == os.environ)"
    assert run(code) == "True"


def test_it_knows_nobody() -> None:
    seen = run(
        'import sys, telecodecs; print("callbridge" in sys.modules, "asyncio" in sys.modules)'
    )
    assert seen == "False False"


def test_importing_it_loads_no_library_of_a_codec() -> None:
    """Of a whole process, and of what it has mapped where that can be seen."""
    program = """
import sys
before = set(sys.modules)
import telecodecs
names = {name.partition(".")[0] for name in set(sys.modules) - before}
others = sorted(names - set(sys.stdlib_module_names) - {"numpy", "telecodecs", "audioop"})
print("others:", *[name for name in others if not name.startswith("_")])
from pathlib import Path
maps = Path("/proc/self/maps")
mapped = maps.read_text() if maps.exists() else ""
print("mapped:", *[name for name in ("opus", "amrwb", "avcodec", "G722") if name in mapped])
"""
    assert run(program).split("\n") == ["others:", "mapped:"]


def test_silence() -> None:
    pcm = silence(160)
    assert pcm.dtype == np.int16
    assert pcm.shape == (160,)
    assert not pcm.any()


def test_a_codec_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not supported"):
        telecodecs.codec("SPEEX")
    assert issubclass(CodecError, ValueError)
