"""A signal wakes those who wait for it, and keeps nobody who does not."""

import asyncio

from callbridge.timing.signal import Signal, changed


async def test_a_change_wakes_those_who_wait_for_it_and_nobody_else() -> None:
    keys, frames = Signal(), Signal()
    for_keys = asyncio.create_task(changed(keys))
    for_frames = asyncio.create_task(changed(frames))
    await asyncio.sleep(0)
    keys.notify()
    await for_keys
    assert not for_frames.done()
    frames.notify()
    await for_frames


async def test_a_wait_that_is_over_leaves_nothing_behind() -> None:
    keys, frames = Signal(), Signal()
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    for _ in range(100):
        await changed(keys, frames, done=done)
        await changed(keys, frames, timeout=0)
    assert not keys._waiters  # pyright: ignore[reportPrivateUsage]
    assert not frames._waiters  # pyright: ignore[reportPrivateUsage]


async def test_a_wait_for_one_signal_that_is_cancelled_leaves_nothing_behind() -> None:
    keys = Signal()
    wait = asyncio.create_task(changed(keys))
    await asyncio.sleep(0)
    wait.cancel()
    await asyncio.wait({wait})
    assert wait.cancelled()
    assert not keys._waiters  # pyright: ignore[reportPrivateUsage]
