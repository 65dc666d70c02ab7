"""What else ran on the machine while something was measured: it is part of every figure."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

import psutil


@dataclass(frozen=True, slots=True)
class Load:
    """Cores, on average over what was measured: of each of our processes, and of all others'."""

    python: str
    cores: int
    ours: dict[str, float]
    others: float

    def __str__(self) -> str:
        ours = ", ".join(f"{name} {used:.2f}" for name, used in self.ours.items())
        return f"CPython {self.python}, {self.cores} cores; used: {ours}, others {self.others:.2f}"


class LoadWatch:
    """From now on. `pids` are the processes that belong to it, beside this one."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._began = monotonic()
        self._machine = _machine_s()
        self._ours = self.cpu_s()

    def load(self) -> Load:
        """What was used since; the processes run still."""
        took = monotonic() - self._began
        after = self.cpu_s()
        ours = {name: (after[name] - before) / took for name, before in self._ours.items()}
        others = (_machine_s() - self._machine) / took - sum(ours.values())
        return Load(
            platform.python_version(),
            len(os.sched_getaffinity(0)),
            {name: round(used, 2) for name, used in ours.items()},
            round(max(0.0, others), 2),
        )

    def cpu_s(self) -> dict[str, float]:
        """Of each process since it began; of this program with what it has started beside them."""
        each = {name: _cpu_s(process) for name, process in self._processes.items()}
        here = psutil.Process()
        family = (here, *here.children(recursive=True))
        return each | {"this program": sum(map(_cpu_s, family)) - sum(each.values())}


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _machine_s() -> float:
    """All that was not idle, without what a host took (steal)."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)
