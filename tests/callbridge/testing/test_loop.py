"""Threads in virtual time, which they do not take."""

import asyncio
import time

from callbridge.testing import run

WORK_S = 0.05


async def works_and_looks_at_the_clock() -> float:
    await asyncio.to_thread(time.sleep, WORK_S)
    return asyncio.get_running_loop().time()


def test_work_in_a_thread_takes_no_virtual_time() -> None:
    before = time.monotonic()
    assert run(works_and_looks_at_the_clock()) == 0.0
    assert time.monotonic() - before > WORK_S


async def leaves_work_to_a_thread() -> None:
    asyncio.get_running_loop().run_in_executor(None, time.sleep, WORK_S)


def test_a_loop_waits_for_its_threads_as_it_closes() -> None:
    before = time.monotonic()
    run(leaves_work_to_a_thread())
    assert time.monotonic() - before > WORK_S
