"""Level 1 and the speech of level 2, with scripted engines in virtual time."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator

import numpy as np
import pytest

from callbridge import App, Call, Message, Outcome, Turn
from callbridge.errors import SettingsError
from callbridge.testing import EPOCH, CallReport, Pair, Press, Wait, caller, converse, says, tone
from callbridge.testing.speech import CHARACTER_S, pitched

HELLO, STOP, COUGH, MORE = 440.0, 600.0, 900.0, 520.0
EAR = pitched({HELLO: "hello there", STOP: "stop that now", MORE: "and more", COUGH: ""})


@pytest.fixture
def app() -> App:
    return App(speech=EAR)


def voiced(report: CallReport) -> int:
    """Samples in which the caller heard a voice."""
    return int(np.count_nonzero(np.abs(report.bot) > 100))


def hummed(text: str) -> int:
    """Samples that the voice of the tests needs for a text."""
    return round(CHARACTER_S * 8000) * len(text)


# ---- the bots -----------------------------------------------------------------------------------


async def agrees(call: Call, turn: Turn) -> str:
    return "Yes."


async def counts(call: Call, turn: Turn) -> str:
    return "one two three four five six seven eight."


class Parrot:
    """Repeats what was said, and keeps what had been said until then."""

    def __init__(self) -> None:
        self.histories: list[list[Message]] = []

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        self.histories.append(call.history)
        yield f"You said {turn.text}."


class Talker(Parrot):
    """Has a lot to say."""

    text = "one two three four five six seven eight nine ten eleven twelve."

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        self.histories.append(call.history)
        yield self.text


class Thinker:
    """Needs two seconds for an answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        self.asked.append(turn.text)
        await asyncio.sleep(2.0)
        yield "Done."


class Endless:
    """A language model that does not come to an end."""

    closed_at: float | None = None  # in seconds of the loop

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        try:
            while True:
                yield "words and words and words. "
                await asyncio.sleep(0.01)
        finally:
            self.closed_at = asyncio.get_running_loop().time()


class Desk:
    """Says a text, and then listens until nobody speaks any more."""

    outcome: Outcome

    def __init__(self, text: str, *, interruptible: bool = True, turns: int = 0) -> None:
        self._text, self._interruptible, self._turns = text, interruptible, turns
        self.heard: list[str] = []

    async def __call__(self, call: Call) -> None:
        self.outcome = await call.say(self._text, interruptible=self._interruptible)
        for _ in range(self._turns):
            self.heard.append((await call.listen(timeout=3)).text)


class Menu:
    """Asks twice for two digits."""

    def __init__(self) -> None:
        self.gathered: list[tuple[str, str, str]] = []

    async def __call__(self, call: Call) -> None:
        for _ in range(2):
            result = await call.gather(2, speech=True, timeout=6)
            self.gathered.append((result.digits, result.stop, result.text))


# ---- replies ------------------------------------------------------------------------------------


async def test_three_lines_hold_a_conversation(app: App, pair: Pair) -> None:
    parrot = app.reply(greeting="Hi.")(Parrot())
    report = await pair.call(
        caller(
            Wait("bot_speaking", 0.1), Wait("bot_silent", 0.6), says(tone(1.0, HELLO)),
            Wait("bot_speaking", 0.5), Wait("bot_silent", 0.6),
        )
    )  # fmt: skip
    assert not report.failed
    assert voiced(report) == pytest.approx(hummed("Hi.You said hello there."), rel=0.05)
    assert parrot.histories == [
        [{"role": "assistant", "content": "Hi."}, {"role": "user", "content": "hello there"}]
    ]
    speech = app.service.studio().counts
    assert speech.turns == 1
    (steps,) = speech.waterfalls
    assert list(steps) == [
        "turn_ended", "final_text", "first_token", "first_audio", "first_sent", "first_heard",
    ]  # fmt: skip
    assert list(steps.values()) == sorted(steps.values())
    assert steps["turn_ended"] == pytest.approx(0.7, abs=0.05)
    assert steps["first_heard"] < 0.75


async def test_an_interruption_cuts_the_reply_at_the_word_and_is_the_next_turn(
    app: App, pair: Pair
) -> None:
    talker = app.reply()(Talker())
    report = await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_speaking", 1.0), says(tone(1.0, STOP)),
            Wait("bot_silent", 0.4), Wait("bot_speaking", 0.2),
        )
    )  # fmt: skip
    assert len(report.clears) >= 1
    assert app.service.studio().counts.interruptions == 1
    _, reply, interruption = talker.histories[1]
    assert Talker.text.startswith(reply["content"])
    assert 3 <= len(reply["content"].split()) <= 8
    assert interruption == {"role": "user", "content": "stop that now"}


async def test_a_cough_withholds_for_a_moment_and_the_reply_goes_on(app: App, pair: Pair) -> None:
    app.reply()(counts)
    report = await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_speaking", 0.6), says(tone(0.25, COUGH)),
            Wait("bot_silent", 1.2),
        )
    )  # fmt: skip
    speech = app.service.studio().counts
    assert (speech.withheld, speech.interruptions) == (1, 0)
    repeated = voiced(report) - hummed("one two three four five six seven eight.")
    assert -800 <= repeated <= hummed("three ") + 800  # the word that was cut is said again


async def test_a_caller_who_goes_on_before_the_reply_sounds_has_said_one_turn(
    app: App, pair: Pair
) -> None:
    thinker = app.reply()(Thinker())
    await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_silent", 1.0), says(tone(1.0, MORE)),
            Wait("bot_speaking", 0.1),
        )
    )  # fmt: skip
    assert thinker.asked == ["hello there", "hello there and more"]


@pytest.mark.parametrize("after_s", [0.04, 0.25])
async def test_a_caller_who_goes_on_at_the_first_sound_of_the_reply_has_said_one_turn(
    app: App, pair: Pair, after_s: float
) -> None:
    asked: list[str] = []

    @app.reply()
    async def talks(call: Call, turn: Turn) -> str:
        asked.append(turn.text)
        return Talker.text

    report = await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_speaking", after_s), says(tone(1.0, MORE)),
            Wait("bot_speaking", 1.0),
        )
    )  # fmt: skip
    assert asked == ["hello there", "hello there and more"]
    assert len(report.clears) == 1


@pytest.mark.parametrize("after_s", [0.04, 0.25])
async def test_a_cough_at_the_first_sound_of_the_reply_costs_no_answer(
    app: App, pair: Pair, after_s: float
) -> None:
    talker = app.reply()(Talker())
    report = await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_speaking", after_s), says(tone(0.25, COUGH)),
            Wait("bot_silent", 1.2),
        )
    )  # fmt: skip
    assert report.turns[-1].text.endswith("eleven twelve.")
    assert len(talker.histories) <= 2


async def test_a_language_models_stream_is_closed_when_it_is_interrupted(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "callbridge")
    endless = app.reply()(Endless())
    await pair.call(
        caller(says(tone(1.0, HELLO)), Wait("bot_speaking", 2.0), says(tone(0.8, STOP)))
    )
    (interrupted,) = [vars(each) for each in caplog.records if each.message == "interrupted"]
    assert endless.closed_at is not None
    assert abs(endless.closed_at - (interrupted["at"] - EPOCH)) < 0.1


async def test_a_filler_is_said_when_a_reply_takes_long_and_only_then(app: App, pair: Pair) -> None:
    class Slow:
        takes_s = 1.5

        async def __call__(self, call: Call, turn: Turn) -> str:
            await asyncio.sleep(self.takes_s)
            self.takes_s = 0.5
            return "Done."

    app.reply(filler="One moment.", filler_after=0.8)(Slow())
    once = (says(tone(1.0, HELLO)), Wait("bot_speaking", 0.1), Wait("bot_silent", 1.5))
    report = await pair.call(caller(*once, *once))
    said = [turn.text for turn in report.turns if turn.who == "bot"]
    assert said == ["One moment. Done.", "Done."]


async def test_who_goes_on_while_a_reply_is_waited_for_with_a_filler_closes_it(
    app: App, pair: Pair
) -> None:
    closed: list[str] = []

    @app.reply(filler="One moment.", filler_after=5.0)
    async def thinks(call: Call, turn: Turn) -> AsyncIterator[str]:
        try:
            await asyncio.sleep(30.0)
            yield "Done."
        finally:
            closed.append(turn.text)

    await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_silent", 1.5), says(tone(1.0, MORE)),
            Wait("bot_silent", 2.0),
        )
    )  # fmt: skip
    assert closed[0] == "hello there"
    assert closed[1] == "hello there and more"
    assert app.service.studio().counts.stuck == 0


async def test_silence_is_asked_after_and_then_ended(app: App, pair: Pair) -> None:
    app.reply(greeting="Hi.", idle="Hello?", idle_after=3.0, idle_limit=2)(agrees)
    report = await pair.call(caller(Wait("hangup", within_s=60)))
    assert voiced(report) == pytest.approx(hummed("Hi.Hello?Hello?"), rel=0.05)
    assert report.hangup_source == "callee"


@pytest.mark.virtual
async def test_a_bot_that_only_replies_needs_engines_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    app = App()
    app.reply()(agrees)
    Pair(app, speech="own")
    with pytest.raises(SettingsError, match=r"install the extra callbridge\[speech\]"):
        _ = app.service


# ---- scripts ------------------------------------------------------------------------------------


async def test_listen_returns_what_was_said_and_an_empty_turn_for_silence(
    app: App, pair: Pair
) -> None:
    desk = Desk("Who is calling?", turns=2)
    app.call(desk)
    await pair.call(
        caller(
            Wait("bot_speaking", 0.1), Wait("bot_silent", 0.3), says(tone(1.0, HELLO)),
            Wait("hangup"),
        )
    )  # fmt: skip
    assert desk.outcome.text == "Who is calling?"
    assert desk.heard == ["hello there", ""]


async def test_listen_has_the_speech_that_interrupted(app: App, pair: Pair) -> None:
    desk = Desk("one two three four five six seven eight nine ten.", turns=1)
    app.call(desk)
    await pair.call(caller(Wait("bot_speaking", 0.5), says(tone(0.9, STOP)), Wait("hangup")))
    assert desk.outcome.stop == "interrupted"
    assert desk.heard == ["stop that now"]


async def test_an_uninterruptible_text_is_said_to_its_end(app: App, pair: Pair) -> None:
    desk = Desk("this call is recorded.", interruptible=False)
    app.call(desk)
    report = await pair.call(
        caller(Wait("bot_speaking", 0.2), says(tone(0.8, STOP)), Wait("hangup"))
    )
    assert not report.clears
    assert desk.outcome.stop == "finished"


async def test_gather_takes_speech_instead_of_keys(app: App, pair: Pair) -> None:
    menu = Menu()
    app.call(menu)
    await pair.call(
        caller(says(tone(1.0, HELLO)), Wait("bot_silent", 1.2), Press("42"), Wait("hangup"))
    )
    assert menu.gathered == [("", "speech", "hello there"), ("42", "complete", "")]


class FrameworksText(str):
    """As LangChain yields it: a string with more to it, which no encoder of ours takes."""

    __slots__ = ()


async def yields_text_of_its_own(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield FrameworksText("You said ")
    yield FrameworksText(turn.text)


@pytest.mark.parametrize("voice", ["media", "relay"])
def test_a_piece_may_be_more_than_a_string(voice: str) -> None:
    app = App()
    app.reply(yields_text_of_its_own)
    script = caller(says("hello there"), Wait("bot_speaking", 0.2), Wait("bot_silent", 1.5))
    report = converse(app, script, voice=voice)
    assert report.said[0].heard == "You said hello there"
