"""Work off the loop, and its stand-in for virtual time."""

import asyncio
import threading

import pytest

from callbridge.testing import run
from callbridge.timing.jobs import InlineJobs, ThreadJobs


async def test_work_is_done_in_a_thread_while_the_loop_goes_on() -> None:
    gate = threading.Event()

    def work() -> int:
        assert gate.wait(10)
        return threading.get_ident()

    job = asyncio.create_task(ThreadJobs().run(work))
    await asyncio.sleep(0)
    gate.set()  # a loop that waited for the thread would never come here
    assert await job != threading.get_ident()


async def test_what_work_raises_is_raised() -> None:
    def work() -> int:
        raise ValueError("unreadable")

    for jobs in (ThreadJobs(), InlineJobs()):
        with pytest.raises(ValueError, match="unreadable"):
            await jobs.run(work)


def test_work_in_virtual_time_takes_what_it_says() -> None:
    async def whole() -> None:
        loop = asyncio.get_running_loop()
        assert await InlineJobs().run(threading.get_ident, takes=2.5) == threading.get_ident()
        assert loop.time() == pytest.approx(2.5)

    run(whole())
