"""Tests in virtual time, as users of the pytest plugin write them."""

import asyncio
import time
from pathlib import Path

import pytest

from callbridge import App, Call
from callbridge.testing import Pair, Wait, caller
from callbridge.testing.loop import VirtualLoop
from callbridge.testing.plugin import QUIET_S

pytest_plugins = ["pytester"]


async def patient(call: Call) -> None:
    async for _ in call.audio():
        pass


async def test_a_test_that_asks_for_the_pair_has_a_call_in_no_time(app: App, pair: Pair) -> None:
    app.call(patient)
    began = time.monotonic()
    report = await pair.call(caller(Wait("bot_speaking", within_s=60)))
    assert report.failed
    assert report.duration_s > 59
    assert time.monotonic() - began < 20


@pytest.mark.virtual
async def test_a_marked_test_needs_no_pair() -> None:
    assert isinstance(asyncio.get_running_loop(), VirtualLoop)
    await asyncio.sleep(100_000)


@pytest.mark.virtual(delay=0.25)
async def test_the_marks_arguments_are_the_pairs(app: App, pair: Pair) -> None:
    app.call(patient)
    report = await pair.call(caller())
    assert report.answered_at_s == pytest.approx(0.75, abs=0.03)  # a webhook, then a command


@pytest.mark.parametrize("seconds", [1, 2])
async def test_parameters_and_other_fixtures_come_as_always(
    pair: Pair, seconds: int, tmp_path: Path
) -> None:
    await asyncio.sleep(seconds)
    assert asyncio.get_running_loop().time() == pytest.approx(seconds)
    assert tmp_path.name.startswith("test_parameters")


async def test_every_other_test_stays_in_real_time() -> None:
    assert not isinstance(asyncio.get_running_loop(), VirtualLoop)


class TestInAClass:
    async def test_a_method_is_a_test_like_any_other(self, pair: Pair) -> None:
        assert isinstance(asyncio.get_running_loop(), VirtualLoop)


LEAKS = """
import asyncio
import pytest
from callbridge import App, Call
from callbridge.testing import Pair, Wait, caller
from callbridge.carrier.people.script import CallScript

kept = set()

async def patient(call: Call) -> None:
    async for _ in call.audio():
        pass

@pytest.mark.virtual
async def test_a_task_is_left():
    kept.add(asyncio.create_task(asyncio.sleep(1e9), name="forgotten"))

async def test_a_call_is_left(app: App, pair: Pair):
    app.call(patient)
    pair.place(CallScript(steps=()))
    await asyncio.sleep(1)

async def stubborn(call: Call) -> None:
    for _ in range(3):
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            pass

async def test_a_bot_takes_its_time_to_end(app: App, pair: Pair):
    app.call(stubborn)
    await pair.call(caller())
    await asyncio.sleep(100)

async def test_it_waits_for_what_never_comes(pair: Pair):
    await asyncio.get_running_loop().create_future()

async def test_it_fails(app: App, pair: Pair):
    app.call(patient)
    pair.place(CallScript(steps=()))
    await asyncio.sleep(1)
    assert False, "as it should"

async def test_real(recwarn):
    await asyncio.sleep(0)
"""


def test_what_outlives_a_test_fails_it(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["callbridge.testing.plugin"]')
    pytester.makepyfile(LEAKS)
    ran = pytester.runpytest(
        "-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"
    )
    ran.assert_outcomes(passed=1, failed=5)
    ran.stdout.fnmatch_lines(["*tasks were still alive after the test: forgotten"])
    ran.stdout.fnmatch_lines([f"*a call was still alive {QUIET_S:g} s after its test"])
    ran.stdout.fnmatch_lines(["*LeftBehind: the bot does not end though it was cancelled; it*"])
    ran.stdout.fnmatch_lines(["*Stuck: every task waits for something that will not happen"])
    ran.stdout.fnmatch_lines(["*AssertionError: as it should"])
    ran.stdout.no_fnmatch_line("*ERROR at*")


SHARED = """
import pytest
from callbridge import App, Call
from callbridge.testing import Wait, caller

shared = App()  # as in the module of a bot

@shared.call
async def patient(call: Call) -> None:
    async for _ in call.audio():
        pass

@pytest.fixture
def app() -> App:
    return shared

async def test_it_fails_in_a_call(pair):
    await pair.ring()
    assert False, "as it should"

async def test_it_leaves_a_call(pair):
    await pair.ring()

async def test_it_passes(pair):
    await pair.call(caller())
"""


def test_a_test_that_fails_costs_no_other_test_the_application(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest('pytest_plugins = ["callbridge.testing.plugin"]')
    pytester.makepyfile(SHARED)
    ran = pytester.runpytest("-p", "no:asyncio")
    ran.assert_outcomes(passed=1, failed=2)
    ran.stdout.fnmatch_lines(["*AssertionError: as it should"])
    ran.stdout.fnmatch_lines([f"*a call was still alive {QUIET_S:g} s after its test"])


def test_it_needs_no_pytest_asyncio(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["callbridge.testing.plugin"]')
    pytester.makepyfile("async def test_virtual(pair): pass")
    pytester.runpytest("-p", "no:asyncio").assert_outcomes(passed=1)
