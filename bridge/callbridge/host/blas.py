"""The number of threads of numpy's BLAS, for a process that is ours to set up.

A bridge serves many calls from one thread, and a call's products are a few microseconds long: a
BLAS that wakes a thread per core for them makes every other call wait. The libraries read these
variables once, when numpy loads; so this module must not import it, and must come before whatever
does."""

import os

VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def keep_to_one_thread() -> None:
    """For this process and its children. What the user has set wins."""
    for variable in VARIABLES:
        os.environ.setdefault(variable, "1")
