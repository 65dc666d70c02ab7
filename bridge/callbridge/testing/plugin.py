"""Tests of whole calls in virtual time: `pytest_plugins = ["callbridge.testing.plugin"]`.

    async def test_the_caller_is_greeted(app: App, pair: Pair) -> None:
        app.reply(greeting="Hi.")(parrot)
        report = await pair.call(caller(Wait("bot_speaking", 0.1)))
        assert not report.failed

An `async def` test runs on the virtual loop if it asks for `pair` or has the mark `virtual`; every
other one is left to pytest-asyncio, or to whatever runs asynchronous tests. `app` is an application
without bots: a conftest.py that has an `app` of its own replaces it. The arguments of the mark are
those of `Pair`: `@pytest.mark.virtual(delay=0.05)`; several marks add up.

A virtual test fails when a bot or a call crashes that is not expected to, by
`@pytest.mark.virtual(expect_crash=ValueError)`, and when a call or a task outlives it. Asynchronous
fixtures stay on the real loop: what a virtual test needs is made in its body."""

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import suppress
from typing import Any

import pytest

from callbridge.app import App
from callbridge.testing.loop import VirtualRunner
from callbridge.testing.pair import Pair

QUIET_S = 120.0  # virtual; the longest wait of a caller's script is shorter
ENDING_S = 1.0  # virtual; for tasks that were cancelled to end

Made = pytest.Item | pytest.Collector | list[pytest.Item | pytest.Collector] | None


@pytest.fixture
def app() -> App:
    """An application without bots."""
    return App()


@pytest.fixture
def virtual_runner() -> Iterator[VirtualRunner]:
    """The loop of a virtual test."""
    with VirtualRunner() as runner:
        yield runner


@pytest.fixture
def pair(request: pytest.FixtureRequest, app: App, virtual_runner: VirtualRunner) -> Pair:
    """`app` joined in memory to a carrier."""
    options: dict[str, Any] = {}
    for mark in reversed(list(request.node.iter_markers("virtual"))):  # the closest comes last
        options |= mark.kwargs

    async def on_the_loop() -> Pair:
        return Pair(app, **options)

    return virtual_runner.run(on_the_loop())


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual: runs in virtual time; takes arguments of Pair")


# A wrapper that comes last is the innermost one: pytest-asyncio sees tests that are not async.
@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pycollect_makeitem(
    collector: pytest.Collector, name: str, obj: object
) -> Generator[None, Made, Made]:
    made = yield
    for item in made if isinstance(made, list) else [made]:
        if isinstance(item, pytest.Function) and _is_virtual(item):
            if "virtual_runner" not in item.fixturenames:
                item.fixturenames.append("virtual_runner")
            item.obj = _in_virtual_time(item, item.obj)
    return made


def _is_virtual(item: pytest.Function) -> bool:
    asked = "pair" in item.fixturenames or item.get_closest_marker("virtual") is not None
    return asked and inspect.iscoroutinefunction(item.obj)


def _in_virtual_time(
    item: pytest.Function, test: Callable[..., Coroutine[Any, Any, None]]
) -> Callable[..., None]:
    @functools.wraps(test)
    def run(**arguments: Any) -> None:
        runner, joined = item.funcargs["virtual_runner"], item.funcargs.get("pair")
        assert isinstance(runner, VirtualRunner)
        assert isinstance(joined, Pair | None)
        runner.run(_to_its_end(test(**arguments), joined))

    return run


async def _to_its_end(test: Coroutine[Any, Any, None], pair: Pair | None) -> None:
    """The test, then the end of its calls and of its application; nothing may be left."""
    try:
        await _with_nothing_left(test, pair)
    except BaseException:
        if pair is not None:
            with suppress(Exception):  # the test's own failure is the one to tell of
                await pair.close()  # the application may be that of other tests as well
        raise


async def _with_nothing_left(test: Coroutine[Any, Any, None], pair: Pair | None) -> None:
    try:
        await test
    except BaseException as failure:
        if pair is not None:
            pair.note_crashes(failure)
        raise
    if pair is not None:
        try:
            async with asyncio.timeout(QUIET_S):
                await pair.quiet()
        except TimeoutError:
            pytest.fail(f"a call was still alive {QUIET_S:g} s after its test", pytrace=False)
        if waits := _what_waits(pair.app):
            pytest.fail(waits, pytrace=False)
        await pair.close()
        pair.raise_if_unmet()
        await asyncio.sleep(ENDING_S)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        names = ", ".join(sorted(task.get_name() for task in left))
        pytest.fail(f"tasks were still alive after the test: {names}", pytrace=False)


def _what_waits(app: App) -> str:
    """What a call has left behind inside of the application, or nothing."""
    if app.sound.speech is not None:
        studio = app.service.studio()
        if studio.hearing.queued or studio.speaking.queued:
            return "work for speech engines was still queued after the test"
    return ""
