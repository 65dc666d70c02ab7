"""Level 1 and the speech of level 2, with scripted engines in virtual time."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import numpy as np
import pytest

from callbridge import App, Call, Message, Turn
from callbridge.errors import SettingsError
from callbridge.testing import Pair, Press, Wait, caller, run, says, tone
from callbridge.testing.speech import CHARACTER_S, pitched

HELLO, STOP, COUGH, MORE = 440.0, 600.0, 900.0, 520.0
EAR = pitched({HELLO: "hello there", STOP: "stop that now", MORE: "and more", COUGH: ""})


def conversation(
    test: Callable[[Pair], Awaitable[None]], register: Callable[[App], object], **settings: object
) -> None:
    app = App(speech=EAR)
    register(app)

    async def whole() -> None:
        pair = Pair(app, **settings)  # type: ignore[arg-type]
        await test(pair)
        await pair.quiet()
        await app.close()

    run(whole())


def hummed(text: str) -> int:
    """Samples that the voice of the tests needs for a text."""
    return round(CHARACTER_S * 8000) * len(text)


def test_three_lines_hold_a_conversation() -> None:
    histories: list[list[Message]] = []

    def register(app: App) -> None:
        @app.reply(greeting="Hi.")
        async def parrot(call: Call, turn: Turn) -> AsyncIterator[str]:
            histories.append(call.history)
            yield f"You said {turn.text}."

    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(
                Wait("bot_speaking", 0.1), Wait("bot_silent", 0.6), says(tone(1.0, HELLO)),
                Wait("bot_speaking", 0.5), Wait("bot_silent", 0.6),
            )
        )  # fmt: skip
        assert not report.failed
        spoken = np.count_nonzero(np.abs(report.bot) > 100)
        assert spoken == pytest.approx(hummed("Hi.You said hello there."), rel=0.05)
        counts = pair.app.service.studio().counts
        assert counts.turns == 1
        (steps,) = counts.waterfalls
        assert list(steps) == [
            "turn_ended", "final_text", "first_token", "first_audio", "first_sent", "first_heard",
        ]  # fmt: skip
        assert list(steps.values()) == sorted(steps.values())
        assert steps["turn_ended"] == pytest.approx(0.64, abs=0.05)
        assert steps["first_heard"] < 0.75

    conversation(test, register)
    assert histories == [
        [{"role": "assistant", "content": "Hi."}, {"role": "user", "content": "hello there"}]
    ]


def test_an_interruption_cuts_the_reply_at_the_word_and_is_the_next_turn() -> None:
    histories: list[list[Message]] = []
    long = "one two three four five six seven eight nine ten eleven twelve."

    def register(app: App) -> None:
        @app.reply()
        async def bot(call: Call, turn: Turn) -> AsyncIterator[str]:
            histories.append(call.history)
            yield long

    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(
                says(tone(1.0, HELLO)), Wait("bot_speaking", 1.0), says(tone(1.0, STOP)),
                Wait("bot_silent", 0.4), Wait("bot_speaking", 0.2),
            )
        )  # fmt: skip
        assert len(report.clears) >= 1
        assert pair.app.service.studio().counts.interruptions == 1

    conversation(test, register)
    assistant = histories[1][1]["content"]
    assert long.startswith(assistant)
    assert 3 <= len(assistant.split()) <= 8
    assert histories[1][2] == {"role": "user", "content": "stop that now"}


def test_a_cough_withholds_for_a_moment_and_the_reply_goes_on() -> None:
    def register(app: App) -> None:
        @app.reply()
        async def bot(call: Call, turn: Turn) -> str:
            return "one two three four five six seven eight."

    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(
                says(tone(1.0, HELLO)), Wait("bot_speaking", 0.6), says(tone(0.25, COUGH)),
                Wait("bot_silent", 1.2),
            )
        )  # fmt: skip
        counts = pair.app.service.studio().counts
        assert (counts.withheld, counts.interruptions) == (1, 0)
        assert not report.clears
        spoken = np.count_nonzero(np.abs(report.bot) > 100)
        assert spoken == pytest.approx(hummed("one two three four five six seven eight."), rel=0.05)

    conversation(test, register)


def test_a_caller_who_goes_on_before_the_reply_sounds_has_said_one_turn() -> None:
    heard: list[str] = []

    def register(app: App) -> None:
        @app.reply()
        async def slow(call: Call, turn: Turn) -> AsyncIterator[str]:
            heard.append(turn.text)
            await asyncio.sleep(2.0)
            yield "Done."

    async def test(pair: Pair) -> None:
        await pair.call(
            caller(
                says(tone(1.0, HELLO)), Wait("bot_silent", 1.0), says(tone(1.0, MORE)),
                Wait("bot_speaking", 0.1),
            )
        )  # fmt: skip

    conversation(test, register)
    assert heard == ["hello there", "hello there and more"]


def test_a_language_models_stream_is_closed_when_it_is_interrupted() -> None:
    closed: list[float] = []

    def register(app: App) -> None:
        @app.reply()
        async def endless(call: Call, turn: Turn) -> AsyncIterator[str]:
            try:
                while True:
                    yield "words and words and words. "
                    await asyncio.sleep(0.01)
            finally:
                closed.append(asyncio.get_running_loop().time())

    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(says(tone(1.0, HELLO)), Wait("bot_speaking", 2.0), says(tone(0.8, STOP)))
        )
        cleared_at = next(entry.at_s for entry in report.tape if entry.kind == "clear")
        assert closed[0] - cleared_at < 0.1

    conversation(test, register)


def test_silence_is_asked_after_and_then_ended() -> None:
    def register(app: App) -> None:
        @app.reply(greeting="Hi.", idle="Hello?", idle_after=3.0, idle_limit=2)
        async def bot(call: Call, turn: Turn) -> str:
            return "Yes."

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(Wait("hangup", within_s=60)))
        spoken = np.count_nonzero(np.abs(report.bot) > 100)
        assert spoken == pytest.approx(hummed("Hi.Hello?Hello?"), rel=0.05)
        assert report.hangup_source == "callee"

    conversation(test, register)


def test_listen_returns_what_was_said_and_an_empty_turn_for_silence() -> None:
    said: list[str] = []

    def register(app: App) -> None:
        @app.call
        async def desk(call: Call) -> None:
            outcome = await call.say("Who is calling?")
            said.append(outcome.text)
            said.append((await call.listen(timeout=5)).text)
            silence = await call.listen(timeout=2)
            said.append(repr(bool(silence)))

    async def test(pair: Pair) -> None:
        await pair.call(
            caller(
                Wait("bot_speaking", 0.1), Wait("bot_silent", 0.3), says(tone(1.0, HELLO)),
                Wait("hangup"),
            )
        )  # fmt: skip

    conversation(test, register)
    assert said == ["Who is calling?", "hello there", "False"]


def test_listen_has_the_speech_that_interrupted() -> None:
    said: list[str] = []

    def register(app: App) -> None:
        @app.call
        async def desk(call: Call) -> None:
            outcome = await call.say("one two three four five six seven eight nine ten.")
            said.append(outcome.stop)
            said.append((await call.listen(timeout=3)).text)

    async def test(pair: Pair) -> None:
        await pair.call(caller(Wait("bot_speaking", 0.5), says(tone(0.9, STOP)), Wait("hangup")))

    conversation(test, register)
    assert said == ["interrupted", "stop that now"]


def test_an_uninterruptible_text_is_said_to_its_end() -> None:
    outcomes: list[str] = []

    def register(app: App) -> None:
        @app.call
        async def desk(call: Call) -> None:
            outcome = await call.say("this call is recorded.", interruptible=False)
            outcomes.append(outcome.stop)

    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(Wait("bot_speaking", 0.2), says(tone(0.8, STOP)), Wait("hangup"))
        )
        assert not report.clears

    conversation(test, register)
    assert outcomes == ["finished"]


def test_gather_takes_speech_instead_of_keys() -> None:
    gathered: list[tuple[str, str, str]] = []

    def register(app: App) -> None:
        @app.call
        async def menu(call: Call) -> None:
            for _ in range(2):
                result = await call.gather(2, speech=True, timeout=6)
                gathered.append((result.digits, result.stop, result.text))

    async def test(pair: Pair) -> None:
        pause = Wait("bot_silent", 1.2)
        await pair.call(caller(says(tone(1.0, HELLO)), pause, Press("42"), Wait("hangup")))

    conversation(test, register)
    assert gathered == [("", "speech", "hello there"), ("42", "complete", "")]


def test_a_bot_that_only_replies_needs_engines_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    app = App()

    @app.reply()
    async def bot(call: Call, turn: Turn) -> str:
        return "Yes."

    async def start() -> None:
        Pair(app)
        _ = app.service

    with pytest.raises(SettingsError, match=r"callbridge\[speech\]"):
        run(start())
