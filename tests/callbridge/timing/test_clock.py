"""Waiting for the first of several futures."""

import asyncio

import pytest

from callbridge.timing.clock import first_of


def future() -> "asyncio.Future[str]":
    return asyncio.get_running_loop().create_future()


async def test_the_first_one_that_is_done_ends_the_wait_and_the_others_go_on() -> None:
    one, other = future(), future()
    wait = asyncio.create_task(first_of(one, other))
    await asyncio.sleep(0)
    assert not wait.done()
    other.set_result("")
    await wait
    assert not one.done()


async def test_one_that_is_done_already_ends_it_at_once() -> None:
    done = future()
    done.set_result("")
    await first_of(future(), done)


async def test_time_ends_it_and_nothing_is_raised() -> None:
    one = future()
    await first_of(one, timeout=0.001)
    await first_of(one, timeout=0)
    assert not one.done()


async def test_what_the_first_one_raises_is_its_own_affair() -> None:
    failed = future()
    failed.set_exception(ValueError("no"))
    await first_of(failed)
    with pytest.raises(ValueError, match="no"):
        failed.result()


async def test_a_wait_that_is_cancelled_cancels_nothing() -> None:
    one = future()
    wait = asyncio.create_task(first_of(one, timeout=10))
    await asyncio.sleep(0)
    wait.cancel()
    with pytest.raises(asyncio.CancelledError):
        await wait
    assert not one.done()
