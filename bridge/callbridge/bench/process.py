"""What the process of an endpoint uses: processor time, memory, how late its timers come."""

import sys
import time
from collections.abc import Callable

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from callbridge.bench.results import Use
from callbridge.errors import CallbridgeError

MIB = 1 << 20
LAG = "callbridge_loop_lag_seconds"
SCRAPE_S = 2.0


class Gone(CallbridgeError):
    """The process has ended."""


class Process:
    """A process and its children, on this machine. Raises Gone once it has ended."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def stay_on(self, processor: int) -> None:
        """Where the platform can: nothing else of ours runs there."""
        if hasattr(self._process, "cpu_affinity"):
            self._process.cpu_affinity([processor])

    def cpu_s(self) -> float:
        return sum(_seen(_cpu_s, each) for each in self._family())

    def rss_mib(self) -> float:
        return sum(_seen(_rss, each) for each in self._family()) / MIB

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.Error as error:
            raise Gone(str(error)) from None


def _seen(look: Callable[[psutil.Process], float], process: psutil.Process) -> float:
    try:
        return look(process)
    except (psutil.Error, OSError) as error:
        raise Gone(str(error)) from None


def _rss(process: psutil.Process) -> float:
    return float(process.memory_info().rss)


def _cpu_s(process: psutil.Process) -> float:
    """User and system seconds; on Linux to the nanosecond, elsewhere to a clock tick."""
    if sys.platform == "linux":
        # The clock of another process as clock_getcpuclockid(3) makes it, with CPUCLOCK_SCHED.
        pid: int = process.pid
        return time.clock_gettime(~pid << 3 | 2)
    times = process.cpu_times()
    return float(times.user + times.system)


def listener(port: int) -> Process | None:
    """The process that listens on a port of this machine; None if the system does not tell."""
    try:
        for connection in psutil.net_connections("tcp"):
            here: int = connection.laddr[1] if connection.laddr else 0
            if connection.status == psutil.CONN_LISTEN and here == port:
                return Process(connection.pid) if connection.pid else None
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        pass
    return None


async def lag(http: httpx.AsyncClient, url: str | None) -> dict[float, int] | None:
    """Counts by upper bound of a Callbridge's own lag histogram; None where there is none."""
    if url is None:
        return None
    try:
        answer = await http.get(url, timeout=SCRAPE_S)
    except httpx.HTTPError:
        return None
    if not answer.is_success or LAG not in answer.text:
        return None
    counts: dict[float, int] = {}
    below = 0
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.name == f"{LAG}_bucket":  # cumulative there
                counts[float(sample.labels["le"])] = int(sample.value) - below
                below = int(sample.value)
    return counts


def use(
    cpu_s: float,
    rss_mib: float,
    idle_rss_mib: float,
    before: dict[float, int] | None,
    after: dict[float, int] | None,
) -> Use:
    """Of a window, from what was read at its two ends."""
    counts = (
        {bound: count - before.get(bound, 0) for bound, count in after.items()}
        if before is not None and after is not None
        else None
    )
    return Use(cpu_s=cpu_s, rss_mib=rss_mib, idle_rss_mib=idle_rss_mib, lag=counts)
