"""A call in which something crashes looks like any other: the test of it must fail all the same."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import numpy as np
import pytest

from callbridge import App, Call, Turn
from callbridge.calls.means import Bot
from callbridge.testing import (
    LeftBehind,
    Pair,
    Stuck,
    Wait,
    async_converse,
    caller,
    converse,
    run,
    says,
    tone,
)
from callbridge.testing.speech import pitched
from telecodecs.errors import CodecError

pytest_plugins = ["pytester"]

HEARS_SOMETHING = caller(Wait("bot_speaking"), Wait("hangup"))
SAYS_HELLO = caller(says(tone(1.0)), Wait("bot_speaking"), Wait("bot_silent", 2.0))


async def crashes(call: Call) -> None:
    raise RuntimeError("no such customer")


async def patient(call: Call) -> None:
    async for _ in call.audio():
        pass


def of(bot: Bot) -> App:
    app = App()
    app.call(bot)
    return app


def test_a_crash_is_raised_with_its_traceback_though_its_apology_is_heard() -> None:
    with pytest.raises(RuntimeError, match="no such customer") as raised:
        converse(of(crashes), HEARS_SOMETHING)
    assert traceback.extract_tb(raised.value.__traceback__)[-1].name == "crashes"
    assert "to the test's application" in raised.value.__notes__[0]


def test_an_expected_crash_is_in_the_report() -> None:
    report = converse(of(crashes), HEARS_SOMETHING, expect_crash=RuntimeError)
    assert report.failed == ()
    [crash] = report.crashes
    assert str(crash) == "no such customer"


def test_another_crash_than_the_expected_one_is_raised() -> None:
    with pytest.raises(RuntimeError, match="no such customer"):
        converse(of(crashes), HEARS_SOMETHING, expect_crash=(ValueError, LookupError))


def test_an_expected_crash_that_does_not_come_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="expects a crash by ValueError or LookupError, and"):
        converse(of(patient), caller(), expect_crash=(ValueError, LookupError))


def test_a_bot_that_ends_with_its_call_has_not_crashed() -> None:
    assert converse(of(patient), caller()).crashes == ()


def test_a_reply_that_crashes() -> None:
    app = App(speech=pitched({440.0: "hello"}))

    @app.reply()
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "One. "
        raise LookupError("two")

    with pytest.raises(LookupError, match="two"):
        converse(app, SAYS_HELLO)


def test_a_reply_that_crashes_as_it_is_closed() -> None:
    app = App(speech=pitched({440.0: "hello"}))

    @app.reply()
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        try:
            while True:
                yield "words and words and words. "
        finally:
            raise LookupError("while closing")

    with pytest.raises(LookupError, match="while closing"):
        converse(app, caller(says(tone(1.0)), Wait("bot_speaking", 1.0)))


async def stubborn(call: Call) -> None:
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(5)


def test_a_bot_that_does_not_end_is_raised_and_holds_nobody_up() -> None:
    with pytest.raises(LeftBehind, match=r"the bot does not end .*test_crashes\.py:\d+"):
        converse(of(stubborn), caller())


def test_a_reply_that_does_not_end_with_its_call() -> None:
    app = App(speech=pitched({440.0: "hello"}))

    @app.reply()
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "One two three. "
        for _ in range(6):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(5)

    script = caller(says(tone(1.0)), Wait("bot_silent", 3.0))
    with pytest.raises(LeftBehind, match=r"text of .*reply does not end"):
        converse(app, script)
    report = converse(app, script, expect_crash=LeftBehind)
    assert [turn.heard for turn in report.said] == ["One two three. "]


def test_a_bot_that_never_waits_does_not_hang_the_test() -> None:
    async def dizzy(call: Call) -> None:
        while True:  # noqa: ASYNC110  that is the mistake
            await asyncio.sleep(0)

    with pytest.raises(Stuck, match="goes round and round"):
        converse(of(dizzy), caller())


def test_a_task_of_a_bot_that_crashes_while_nobody_looks() -> None:
    kept: list[asyncio.Task[None]] = []

    async def background() -> None:
        raise LookupError("in the background")

    async def bot(call: Call) -> None:
        kept.append(asyncio.create_task(background()))
        await patient(call)

    for _ in range(2):  # nothing is left of the first call
        with pytest.raises(LookupError, match="in the background"):
            converse(of(bot), caller())
    converse(of(bot), caller(), expect_crash=LookupError)


def test_a_task_of_the_call_itself_that_crashes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")  # no other test may have this in its log
    app = App(apology=np.zeros(800))  # type: ignore[arg-type]  # no int16: a bug in an application

    @app.call
    async def bot(call: Call) -> None:
        raise ValueError("the bot's own")

    with pytest.raises(ExceptionGroup, match="2 crashes") as raised:
        converse(app, caller(Wait("hangup")))
    assert {type(error) for error in raised.value.exceptions} == {ValueError, CodecError}


def test_of_several_calls_that_crash_all_are_raised() -> None:
    async def both() -> None:
        pair = Pair(of(crashes))
        for _ in range(2):
            pair.place(HEARS_SOMETHING)
        await pair.quiet()
        await pair.close()

    with pytest.raises(ExceptionGroup, match="2 crashes in the calls of this test") as raised:
        run(both())
    assert len(raised.value.exceptions) == 2


# ---- tests with the plugin ----------------------------------------------------------------------


@pytest.mark.virtual(expect_crash=RuntimeError)
async def test_a_mark_says_that_a_crash_is_expected(app: App, pair: Pair) -> None:
    app.call(crashes)
    report = await pair.call(HEARS_SOMETHING)
    assert [str(crash) for crash in report.crashes] == ["no such customer"]


async def test_a_call_raises_its_crash(app: App, pair: Pair) -> None:
    app.call(crashes)
    with pytest.raises(RuntimeError, match="no such customer"):
        await pair.call(HEARS_SOMETHING)


LIES = """
import asyncio
import pytest
from callbridge import App, Call
from callbridge.testing import Pair, Wait, caller

async def crashes(call: Call) -> None:
    raise RuntimeError("no such customer")

async def test_nobody_asks_for_the_report(app: App, pair: Pair):
    app.call(crashes)
    pair.place(caller(Wait("hangup")))

async def test_another_failure_is_told(app: App, pair: Pair):
    app.call(crashes)
    pair.place(caller(Wait("hangup")))
    await asyncio.sleep(1)
    assert False, "nothing was said"

@pytest.mark.virtual(expect_crash=ValueError)
async def test_what_is_expected_does_not_come(app: App, pair: Pair):
    app.call(crashes)
"""


def test_a_crash_fails_a_test_that_asks_for_no_report(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["callbridge.testing.plugin"]')
    pytester.makepyfile(LIES)
    ran = pytester.runpytest("-p", "no:asyncio")
    ran.assert_outcomes(failed=3)
    ran.stdout.fnmatch_lines(["*AssertionError: nothing was said", "*before that: Traceback*"])
    ran.stdout.fnmatch_lines(["*the test expects a crash by ValueError, and there was none"])


# ---- inside of a running loop -------------------------------------------------------------------


async def test_converse_in_a_running_loop_says_what_to_write_in_its_place() -> None:
    with pytest.raises(RuntimeError, match=r"await async_converse\(\.\.\.\)"):
        converse(of(patient), caller())


async def test_async_converse_runs_beside_a_loop_of_real_time() -> None:
    report = await async_converse(of(patient), caller(Wait("bot_silent", 100.0, within_s=200)))
    assert report.duration_s > 100


@pytest.mark.virtual
async def test_async_converse_runs_on_a_virtual_loop(app: App) -> None:
    app.call(crashes)
    expected = partial(async_converse, app, HEARS_SOMETHING, expect_crash=RuntimeError)
    assert len((await expected()).crashes) == 1
    assert len((await expected(settings={"max_call_s": 5})).crashes) == 1


def test_a_task_that_outlives_all_patience_is_named() -> None:
    async def leaves_one_behind() -> None:
        kept.append(asyncio.create_task(stubborn_task(), name="the stubborn one"))
        await asyncio.sleep(0)

    async def stubborn_task() -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(5)

    kept: list[asyncio.Task[None]] = []
    with pytest.raises(Stuck, match="did not end 60 s after it was cancelled: the stubborn one"):
        run(leaves_one_behind())
