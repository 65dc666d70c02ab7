"""Numpy's threads belong to whoever owns the process."""

import os
import subprocess
import sys

import pytest

from callbridge.host.blas import VARIABLES

SHOW = "import os, {module}; print(os.environ.get('OPENBLAS_NUM_THREADS'), 'numpy' in {loaded})"


def run(module: str, loaded: str = "sys.modules", **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    code = "import sys; " + SHOW.format(module=module, loaded=loaded)
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()


@pytest.mark.parametrize("module", ["callbridge", "callbridge.app"])
def test_a_library_leaves_the_users_process_alone(module: str) -> None:
    assert run(module).startswith("None")


def test_the_command_keeps_blas_to_one_thread_before_numpy_loads() -> None:
    assert run("callbridge.host.blas, callbridge.__main__").startswith("1")
    assert run("callbridge.host.blas") == "None False"


def test_the_users_number_of_threads_wins() -> None:
    assert run("callbridge.__main__", OPENBLAS_NUM_THREADS="2").startswith("2")
